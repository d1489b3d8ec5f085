"""How good a way to choose an arm is on tasks it has not seen: gains over the default, each task left out in turn."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.evaluation.arms import ARM, Cells, at_budget, budgets
from nofreelunch.evaluation.claim_test import over_datasets
from nofreelunch.evaluation.quality import SITE
from nofreelunch.evaluation.recommendation import average, best_constant, decide, gained, shrunk, task_means
from nofreelunch.evaluation.table import EMBEDDER, POOL, SEEN, STRATEGY, TASK, Column, Table, interval

RECOMMENDED = "recommendation"
UNTESTED = "rule without its test"
CONSTANT = "best constant of the other tasks"
HINDSIGHT = "best in hindsight"
FIXED = {
    "always BADGE": ("random", "badge"),
    "TypiClust, then BADGE": ("typiclust", "badge"),
    "always margin": ("random", "margin"),
    "TypiClust, then margin": ("typiclust", "margin"),
    "always random": ("random", "random"),
}
ALL = "all"


DEFAULTS = Table(
    "defaults",
    "Every pool and strategy on average",
    "A row is what a pool and a strategy gain over the default, a choice fixed beforehand, mean over tasks with its 95 "
    "% interval.",
    (
        *(Column("budget", "labels", "count"), POOL, STRATEGY),
        *interval("mean", "gain", "gain"),
        Column("shrunk", "shrunk", "gain"),
        Column("best", "times best", "count"),
        Column("cells", "of", "count"),
        Column("n", "tasks", "count"),
    ),
    "Accuracy averaged over labels up to the budget. Shrunk: drawn to the mean of all choices, the more the less sure. "
    "Times best: (task, embedder) in which no other choice gains more.",
)
ADVICE = Table(
    "advice",
    "What the other tasks recommended for each cell",
    "A row is what a way to choose took in a cell, learned from the other tasks, and what that gained over the "
    "default.",
    (
        *(TASK, EMBEDDER, SEEN, Column("budget", "labels", "count"), Column("policy", "choice"), POOL, STRATEGY),
        Column("reached", "gain", "gain"),
    ),
    "The recommendation leaves the default only where the rule gained over it on the tasks it is learned from, each "
    "left out in turn.",
)
POLICIES = Table(
    "policies",
    "How good is a way to choose on a new task?",
    "A row is what a way to choose gains over the default on tasks it has not learned from, mean over tasks with its "
    "95 % interval.",
    (
        *(Column("budget", "labels"), Column("policy", "choice")),
        *interval("gain", "gain", "gain"),
        Column("p", "p", "p"),
        Column("worst", "worst cell", "gain"),
        Column("tasks", "tasks", "count"),
    ),
    "Each task was left out in turn. Accuracy averaged over labels up to the budget (all: mean over the budgets); "
    "one-sided p. In hindsight: chosen in every other seed, judged in the rest.",
)


def averages(evidence: pd.DataFrame) -> pd.DataFrame:
    """Every arm on average, at each budget.

    Args:
        evidence: `arms.evidence`.

    Returns:
        budget, ips, strategy, n (tasks), mean (gain over the default, averaged over a task's embedders), lo, hi (95 %
        t-interval over tasks), shrunk (`recommendation.shrunk`), best (cells in which no arm gains more), cells.
    """
    columns = ["budget", *ARM, "n", "mean", "lo", "hi", "shrunk", "best", "cells"]
    parts = [
        average(cells).assign(
            budget=budget,
            shrunk=shrunk(task_means(cells), cells.default),
            best=(cells.gains == np.nanmax(cells.gains, axis=1, keepdims=True)).sum(axis=0),
            cells=np.isfinite(cells.gains).sum(axis=0),
        )
        for budget, cells in _judged(evidence).items()
    ]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def advice(evidence: pd.DataFrame) -> pd.DataFrame:
    """What the other tasks recommend for each cell, and what came of it.

    Args:
        evidence: `arms.evidence`.

    Returns:
        dataset, embedder, budget, policy, ips, strategy, reached (the gain over the default). The policies: the
        recommendation; the rule without its test; the best constant of the other tasks (`shrunk`, without diagnostics);
        each of `FIXED` that the cell has; and, as a ceiling, the best arm of the cell in hindsight, which is chosen in
        every other seed and judged in the rest, both ways (no arm is named; no row with one seed). The first three
        need two tasks.
    """
    parts = [
        pd.DataFrame({"dataset": cells.datasets, "embedder": cells.embedders}).assign(
            budget=budget,
            policy=policy,
            ips=[cells.arms[i][0] if i >= 0 else "" for i in chosen],
            strategy=[cells.arms[i][1] if i >= 0 else "" for i in chosen],
            reached=reached,
        )
        for budget, whole in _judged(evidence).items()
        for cells, policy, chosen, reached in _choices(whole)
    ]
    columns = [*SITE, "budget", "policy", *ARM, "reached"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def policies(said: pd.DataFrame) -> pd.DataFrame:
    """Every way to choose, over tasks, at each budget and over all budgets.

    Args:
        said: `advice`.

    Returns:
        budget (text: its labels, or 'all' for the mean over budgets), policy, tasks, gain over the default (mean over
        tasks of the mean over embedders), lo, hi (95 % t-interval over tasks), p (one-sided, that it gains), worst (the
        lowest gain of a cell).
    """
    columns = ["budget", "policy", "tasks", "gain", "lo", "hi", "p", "worst"]
    rows = []
    groups = [*said.groupby("budget", sort=True), (ALL, said)]
    for budget, part in groups if len(said) else ():
        for policy, own in part.groupby("policy", sort=False):
            by_budget = own.groupby(["dataset", "budget"], sort=False)["reached"].mean()
            test = over_datasets("", by_budget.groupby("dataset", sort=False).mean())
            gain = (test.n, test.estimate, test.lo, test.hi, test.p_for)
            rows.append((str(budget), policy, *gain, own["reached"].min()))
    return pd.DataFrame(rows, columns=columns)


def _judged(evidence: pd.DataFrame) -> dict[int, Cells]:
    return {budget: at_budget(evidence, budget) for budget in budgets(evidence)} if len(evidence) else {}


def _choices(whole: Cells) -> Iterator[tuple[Cells, str, IntArray, Float64Array]]:
    """(cells, policy, index of the arm in each or −1, its gain) of every policy, task by task."""
    for rest, out in whole.split():
        decision = decide(rest)
        learned = {
            RECOMMENDED: decision.choose(out),
            UNTESTED: decision.rule.choose(out),
            CONSTANT: best_constant(rest, out),
        }
        for policy, chosen in learned.items():
            yield out, policy, chosen, gained(out, chosen)
    for policy, arm in FIXED.items():
        if arm in whole.arms:
            index = whole.arms.index(arm)
            having = whole.kept(np.asarray(np.isfinite(whole.gains[:, index])))
            yield having, policy, np.full(len(having.gains), index), having.gains[:, index]
    known = np.asarray(np.isfinite(whole.halves).any(axis=(0, 2)))
    if known.any():
        yield whole.kept(known), HINDSIGHT, np.full(int(known.sum()), -1), _hindsight(whole.halves[:, known])


def _hindsight(halves: Float64Array) -> Float64Array:
    """(n,) the gain of the arm that is best in one half of the seeds, in the other half; the mean of both ways."""
    rows = np.arange(halves.shape[1])
    ranked = np.where(np.isfinite(halves), halves, -np.inf).argmax(axis=2)
    return np.asarray((halves[1, rows, ranked[0]] + halves[0, rows, ranked[1]]) / 2)
