"""The three answers that come before all others: which embedder, which start, which query strategy.

Tasks are the units: what is said of a new task can only be as sure as the tasks at hand agree.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import Float64Array
from nofreelunch.evaluation.intervals import half_width, mean_interval
from nofreelunch.evaluation.runs import BASELINE
from nofreelunch.evaluation.significance import t_test

Sureness = Literal["sure", "hint", "coin toss", "cannot be tested"]
# Two-sided p, corrected for having chosen the best of several, up to which an answer is called sure, or a hint.
SURE, HINT = 0.05, 0.3


@dataclass(frozen=True)
class Answer:
    """One choice, and how much better it is than what it is held against.

    Attributes:
        factor: ``embedder``, ``start`` or ``strategy``.
        choice: the best by its mean over tasks.
        rival: what it is held against: the next best embedder, or random.
        effect, lo, hi: difference in accuracy (a share), mean over tasks with its 95 % t-interval; NaN ends for one
            task.
        sureness: by Student's t-test on the tasks' differences, Bonferroni-corrected for the alternatives.
        tasks: their number, and
        won: in how many of them the choice is better than its rival.
        again: how often the same is chosen when one task is left out.
        close: other choices that are not told apart from it (uncorrected p > .05), best first.
    """

    factor: str
    choice: str
    rival: str
    effect: float
    lo: float
    hi: float
    sureness: Sureness
    tasks: int
    won: int
    again: int
    close: list[str]


def answers(aulc: pd.DataFrame) -> list[Answer]:
    """The answers for which the grid has alternatives.

    Args:
        aulc: `evaluation.aulc.run_areas`. Embedders and strategies are compared by the area under the learning curve of
            accuracy, averaged over all else; starts by accuracy at round 0, where alone they differ for certain.
    """
    table = aulc[aulc["metric"] == "accuracy"]
    found = [
        _answer("embedder", _by_task(table, "embedder", "aulc"), None),
        _answer("start", _by_task(table, "ips", "initial"), BASELINE),
        _answer("strategy", _by_task(table, "strategy", "aulc"), BASELINE),
    ]
    return [answer for answer in found if answer is not None]


def effects(aulc: pd.DataFrame, factor: str, column: str) -> pd.DataFrame:
    """How much each value of ``factor`` gains over random, in accuracy.

    Args:
        aulc: `evaluation.aulc.run_areas`.
        factor: ``ips`` or ``strategy``.
        column: of ``aulc``: what is compared.

    Returns:
        name, n (tasks), mean, lo, hi (95 % t-interval over tasks), best first; no rows without random.
    """
    means = _by_task(aulc[aulc["metric"] == "accuracy"], factor, column)
    if BASELINE not in means.columns:
        return pd.DataFrame(columns=["name", "n", "mean", "lo", "hi"])
    gains = means.drop(columns=BASELINE).sub(means[BASELINE], axis=0)
    long = gains.rename_axis(columns="name").stack().rename("gain").reset_index()
    return mean_interval(long, ["name"], "gain").sort_values("mean", ascending=False, ignore_index=True)


def _by_task(table: pd.DataFrame, factor: str, column: str) -> pd.DataFrame:
    """Tasks × values of ``factor``: means over everything else."""
    means = table.groupby(["dataset", factor], observed=True)[column].mean().unstack(factor)
    return means.dropna(axis=1)


def _answer(factor: str, means: pd.DataFrame, rival: str | None) -> Answer | None:
    names = [str(name) for name in means.columns]
    if len(names) < 2 or (rival is not None and rival not in names):
        return None
    values = means.to_numpy(dtype=np.float64)
    order = [names[i] for i in np.argsort(-values.mean(axis=0), kind="stable")]
    choice = order[0]
    against = order[1] if rival is None or rival == choice else rival
    column = {name: values[:, i] for i, name in enumerate(names)}
    differences = column[choice] - column[against]
    n = len(differences)
    half = float(half_width(np.array(differences.std(ddof=1)) if n > 1 else np.array(0.0), np.array(n)))
    effect = float(differences.mean())
    left = [names[int(np.delete(values, task, axis=0).mean(axis=0).argmax())] for task in range(n)] if n > 1 else []
    return Answer(
        factor,
        choice,
        against,
        effect,
        effect - half,
        effect + half,
        _sureness(differences, len(names) - 1),
        n,
        int((differences > 0).sum()),
        left.count(choice),
        [name for name in order[1:] if n > 1 and t_test(column[choice] - column[name])[0] > SURE],
    )


def _sureness(differences: Float64Array, alternatives: int) -> Sureness:
    if len(differences) < 2:
        return "cannot be tested"
    p = min(1.0, alternatives * t_test(differences)[0])
    return "sure" if p <= SURE else "hint" if p <= HINT else "coin toss"
