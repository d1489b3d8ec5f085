"""The summary of the report: what the tables come to, in a few sentences with numbers."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.base.words import counted
from nofreelunch.evaluation.answers import Answer, answers
from nofreelunch.evaluation.arms import default_of
from nofreelunch.evaluation.claims import UNTESTABLE
from nofreelunch.evaluation.policies import ALL, CONSTANT, RECOMMENDED
from nofreelunch.evaluation.recommendation import FEWEST_TASKS
from nofreelunch.report.figures import style
from nofreelunch.report.links import link


@dataclass(frozen=True)
class Finding:
    """A number, what it is, and where it comes from.

    Attributes:
        value: the number, as text.
        title: what it is.
        note: what to think of it.
        source: a link within the report.
    """

    value: str
    title: str
    note: str
    source: str


@dataclass(frozen=True)
class Reply:
    """One of the three answers in words.

    Attributes:
        question: what is asked.
        choice: the name of the best.
        effect: in points, with its interval.
        sureness: as `evaluation.answers.Answer` has it.
        text: what it is held against, and how often it holds.
        source: a link within the report.
    """

    question: str
    choice: str
    effect: str
    sureness: str
    text: str
    source: str


_QUESTIONS = {"embedder": "Which embedder?", "start": "Which start?", "strategy": "Which query strategy?"}
_UNITS = {"embedder": "points of AULC", "start": "points at the first round", "strategy": "points of AULC"}


def replies(aulc: pd.DataFrame) -> list[Reply]:
    """`evaluation.answers.answers` in words."""
    return [_reply(answer) for answer in answers(aulc)]


def _reply(answer: Answer) -> Reply:
    choice, rival = style.words(answer.choice), style.words(answer.rival)
    against = f"{rival}, the next best" if answer.factor == "embedder" else rival
    text = f"{_UNITS[answer.factor]} over {against}; better in {answer.won} of {counted(answer.tasks, 'task')}"
    if answer.tasks > 1:
        text += f", chosen again in {answer.again} of {answer.tasks} when one task is left out"
    close = [style.words(name) for name in answer.close if name != answer.rival]
    if close:
        text += f". Not told apart from it: {', '.join(close)}"
    sources = {
        "embedder": link("cells", embedder=answer.choice),
        "start": link("pool_gains", ips=answer.choice, phase="initial"),
        "strategy": link("cells", strategy=answer.choice),
    }
    effect = f"{_points(answer.effect)}{_interval(answer.lo, answer.hi)}"
    return Reply(_QUESTIONS[answer.factor], choice, effect, answer.sureness, text, sources[answer.factor])


def findings(tables: dict[str, pd.DataFrame], claims: list[dict[str, Any]]) -> list[Finding]:
    """The few numbers that come first; one is left out where the grid has nothing to say about it."""
    made = [_rule(tables), _saturation(tables), _claims(claims) if claims else None]
    return [finding for finding in made if finding is not None]


def ranking(tables: dict[str, pd.DataFrame]) -> str:
    """Which strategy is first by each of the report's rankings, and why they may differ; '' for a single strategy."""
    first = next((answer for answer in answers(tables["aulc"]) if answer.factor == "strategy"), None)
    ranks = tables["mean_ranks"][tables["mean_ranks"]["scope"] == "all"]
    if first is None or ranks.empty:
        return ""
    by_mean, by_rank = first.choice, str(ranks.loc[ranks["mean_rank"].idxmin(), "strategy"])
    if by_mean == by_rank:
        said = f"By mean AULC and by mean rank over tasks {style.words(by_mean)} comes first"
    else:
        said = (
            f"By mean AULC {style.words(by_mean)} comes first, by mean rank over tasks {style.words(by_rank)}: a rank "
            "counts how often a strategy is ahead, the mean by how much"
        )
    if tables["policies"].empty:
        return f"{said}."
    pool, query = default_of(tables["arms"])
    said += f". The recommendation starts from {style.words(pool)}, then {style.words(query)}"
    why = "a default fixed beforehand, and leaves it only for what gains over it on tasks left out"
    return f"{said}, {why}; it looks at pool and strategy together, and at every budget."


def drawn_at_random(filled: pd.DataFrame) -> str:
    """The strategies that filled batches at random, with the shares of their picks; '' for none."""
    sums = filled.assign(drawn=filled["filled"] * filled["picked"]).groupby("strategy", observed=True)
    shares = sums["drawn"].sum() / sums["picked"].sum()
    return ", ".join(f"{style.words(str(name))} {100 * share:.1f} %" for name, share in shares[shares > 0].items())


def _claims(claims: list[dict[str, Any]]) -> Finding:
    counts = Counter(claim["verdict"] for claim in claims)
    rest = (
        f"{counts['contradicted']} contradicted, {counts['undecided']} undecided, {counts[UNTESTABLE]} that cannot be "
    )
    return Finding(
        f"{counts['supported']} of {len(claims)}",
        "claims of the paper supported by this grid",
        f"{rest}tested with so few tasks or embedders, at a family-wise error of 5 %",
        "#claims",
    )


def _rule(tables: dict[str, pd.DataFrame]) -> Finding | None:
    table = tables["policies"].astype({"budget": str, "policy": str}).set_index(["policy", "budget"])
    if (RECOMMENDED, ALL) not in table.index:
        return None
    default = ", then ".join(map(style.words, default_of(tables["arms"])))
    own, constant = table.loc[(RECOMMENDED, ALL)], table.loc[(CONSTANT, ALL)]
    rival = (
        f"the best constant of the other tasks gains {_points(constant['gain'])}"
        f"{_interval(constant['lo'], constant['hi'])} over it, mean over all budgets"
    )
    if own["tasks"] <= FEWEST_TASKS:
        few = f"on a task left out nothing is chosen from fewer than {FEWEST_TASKS} others"
        title = "is what the recommendation stays with, a default fixed beforehand"
        return Finding(default, title, f"{few}; {rival}", "#recommendation")
    by_budget = table.loc[RECOMMENDED].drop(ALL)["gain"]
    each = ", ".join(f"{_points(gain)} with {int(budget):,}" for budget, gain in by_budget.items())
    return Finding(
        f"{_points(own['gain'])}{_interval(own['lo'], own['hi'])}",
        f"points that the recommendation gains over {default} on tasks left out, mean over all budgets",
        f"by labels: {each}; {rival}",
        "#recommendation",
    )


def _saturation(tables: dict[str, pd.DataFrame]) -> Finding:
    table = tables["aulc"][tables["aulc"]["metric"] == "accuracy"]
    headroom = table.groupby(["dataset", "embedder"], observed=True)["headroom"].mean()
    return Finding(
        _plain(headroom.mean()),
        "points below a probe on the full pool when the budget is spent, on average",
        f"from {_plain(headroom.min())} to {_plain(headroom.max())} over (task, embedder)",
        link("cells"),
    )


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _plain(value: float) -> str:
    return f"{100 * value:.1f}".replace("-", "−")


def _interval(lo: float, hi: float) -> str:
    return f" [{_plain(lo)}, {_plain(hi)}]" if np.isfinite(lo) else ""
