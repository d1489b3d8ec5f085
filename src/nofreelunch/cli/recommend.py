"""Recommend an initial pool and a query strategy for your own unlabelled texts, as the grid's runs suggest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nofreelunch import params
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.cli.text_table import text_table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from nofreelunch.evaluation.recommendation import Rule
    from nofreelunch.params import Params

FEWEST_TEXTS = 100
FEW_TASKS = 8
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The texts, and what is known about the plan."""
    parser.add_argument("--texts", type=Path, required=True, help="a CSV, TSV, JSON lines or parquet file; no labels")
    parser.add_argument("--column", default="text", help="the column that holds the texts (default: text)")
    parser.add_argument("--embedder", help="an embedder of params.yaml (default: focus.embedder)")
    parser.add_argument("--labels", type=int, help="how many you can pay for (default: the grid's middle budget)")


def run(arguments: argparse.Namespace) -> None:
    """Embed the texts, diagnose them without labels, and say what to take and how sure that is."""
    import numpy as np

    from nofreelunch.cells.diagnostics import LABEL_FREE, ROWS, diagnose
    from nofreelunch.evaluation.recommendation import advise, learn, table_of, wide_gains
    from nofreelunch.evaluation.summary import read_table

    loaded = params.load()
    embedder = arguments.embedder or loaded.focus.embedder
    if embedder not in loaded.embedders:
        raise UserError(unknown("embedder", embedder, loaded.embedders))
    arms, policies = read_table("arms"), read_table("policies")
    if arms.empty:
        raise UserError("there is nothing to learn from: put 'random' into grid.pools and run 'dvc repro'.")
    budget = nearest_budget(sorted(arms["budget"].unique()), arguments.labels)
    texts = read_texts(arguments.texts, arguments.column)
    found = diagnose(embed(loaded, embedder, texts), None)

    gains = wide_gains(arms[arms["budget"] == budget])
    measures = table_of(read_table("diagnostics"), labelled=False).loc[gains.index, LABEL_FREE]
    rule = learn(measures, gains)
    values = np.array([found[name] for name in LABEL_FREE])
    print(f"{arguments.texts}: {len(texts):,} texts, embedded by {embedder}\n")
    print(diagnostics_table(found, measures) + "\n")
    print("\n".join(answer(advise(rule, values), budget, arguments.labels)) + "\n")
    outside = [name for name in LABEL_FREE if not measures[name].min() <= found[name] <= measures[name].max()]
    print("\n".join(doubts(rule, policies[policies["budget"] == budget], outside, len(texts) < ROWS)))


def read_texts(path: Path, column: str) -> list[str]:
    """The texts, without empty and repeated ones.

    Raises:
        UserError: the file or the column cannot be read, or there are too few texts.
    """
    from nofreelunch.tasks.columns import read_columns

    values = [value for value in read_columns(path, [column])[column] if value is not None]
    texts = list(dict.fromkeys(text for value in values if (text := str(value).strip())))
    if len(texts) < FEWEST_TEXTS:
        raise UserError(f"{path} has {len(texts)} different texts; at least {FEWEST_TEXTS} are needed to judge them.")
    return texts


def embed(loaded: Params, embedder: str, texts: list[str]) -> npt.NDArray[np.float32]:
    """(n, d) vectors of ``texts``."""
    import numpy as np

    from nofreelunch.base.storage import Memo
    from nofreelunch.embedders.embed import embed as embed_splits
    from nofreelunch.tasks.table import Split

    pool = Split(texts, None, np.zeros(len(texts), np.int64))
    one = pool.rows(np.zeros(1, np.int64))
    embedding = embed_splits(loaded.embedders[embedder], pool, one, "joined", Memo.default(), "your texts")
    return embedding.arrays()["train"]


def nearest_budget(budgets: list[int], labels: int | None) -> int:
    """The grid's budget that is nearest to what was asked for; its middle one if nothing was."""
    if labels is None:
        return int(budgets[len(budgets) // 2])
    if labels < 1:
        raise UserError(f"--labels must be at least 1, not {labels}.")
    return int(min(budgets, key=lambda budget: abs(budget - labels)))


def diagnostics_table(found: dict[str, float], measures: pd.DataFrame) -> str:
    """Each diagnostic of the texts beside its range over the cells of the grid."""
    rows = []
    for name in measures.columns:
        low, high = measures[name].min(), measures[name].max()
        mark = "" if low <= found[name] <= high else "outside"
        rows.append([name, f"{found[name]:.3g}", f"{low:.3g}", f"{high:.3g}", mark])
    return text_table(["diagnostic", "yours", "grid from", "to", ""], rows)


def answer(advice: pd.DataFrame, budget: int, labels: int | None) -> list[str]:
    """The recommendation in words, and the next best choices."""
    first = advice.iloc[0]
    note = "" if labels in (None, budget) else f" (the grid's budget nearest to {labels:,})"
    rows = [
        [row.ips, row.strategy, f"{100 * row.gain:+.1f}", f"{100 * row.lo:+.1f}", f"{100 * row.hi:+.1f}"]
        for row in advice.head(SHOWN).itertuples()
    ]
    gain, lo, hi = (f"{100 * first[name]:+.1f}" for name in ("gain", "lo", "hi"))
    return [
        f"With {budget:,} labels{note}: start from a {first['ips']} pool, then query by {first['strategy']}.",
        f"Expected gain over a random pool and random querying: {gain} points of accuracy, averaged over",
        f"the labels up to there; on a new task with 95 % from {lo} to {hi}.\n",
        text_table(["pool", "strategy", "gain", "from", "to"], rows),
    ]


def doubts(rule: Rule, policies: pd.DataFrame, outside: list[str], few: bool) -> list[str]:
    """What speaks for and against trusting the recommendation."""
    import numpy as np

    from nofreelunch.cells.diagnostics import ROWS
    from nofreelunch.evaluation.recommendation import HINDSIGHT, LEARNED, LEARNED_WITH_LABELS

    lines = ["How sure is that?"]
    tasks = f"{rule.tasks} task{'' if rule.tasks == 1 else 's'}"
    if rule.tasks < FEW_TASKS:
        lines.append(f"- Not very: it is learned from {tasks}. With fewer than {FEW_TASKS}, take it as a hint.")
    else:
        lines.append(f"- It is learned from {tasks}.")
    if np.isfinite(rule.penalty):
        lines.append("- The diagnostics help to foretell gains on tasks left out, and were used.")
    else:
        lines.append("- The diagnostics do not help to foretell gains on tasks left out: this was best on average.")
    regrets = policies.set_index("policy")["regret"].drop([HINDSIGHT, LEARNED_WITH_LABELS], errors="ignore")
    if LEARNED in regrets:
        own = policies.set_index("policy").loc[LEARNED]
        lines.append(
            f"- On tasks left out, this rule lost {100 * own['regret']:.1f} points to the best choice in hindsight "
            f"(95 %: {100 * own['lo']:.1f} to {100 * own['hi']:.1f})."
        )
        fixed = regrets.drop(LEARNED)
        if len(fixed):
            better = "less" if fixed.min() < regrets[LEARNED] else "more"
            lines.append(f"- The best fixed choice, '{fixed.idxmin()}', lost {better}: {100 * fixed.min():.1f} points.")
    if outside:
        lines.append(f"- Your texts lie outside the grid in {', '.join(outside)}; its edge was taken.")
    if few:
        lines.append(f"- The diagnostics of fewer than {ROWS:,} texts do not quite compare with those of the grid.")
    return lines
