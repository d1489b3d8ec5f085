"""Which pool and strategy to take on a new task: the default, unless tasks left out show that something else is better.

The default is fixed beforehand (`arms.DEFAULTS`). A rule ranks all arms: each arm's mean gain over the default, shrunk
by empirical Bayes as its own variance over tasks says, plus a line in the diagnostics where that foretells better on
tasks left out. The rule is then put to the test on its own training tasks, each left out in turn. Only where what it
took there gained over the default, by a one-sided t-test over at least `FEWEST_TASKS` tasks, is it followed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.cells.diagnostics import LABEL_FREE
from nofreelunch.evaluation.arms import ARM, Arm, Cells, at_budget
from nofreelunch.evaluation.claim_test import Part, over_datasets

FEWEST_TASKS = 6
LEVEL = 0.05
PENALTIES = (30.0, 10.0, 3.0, 1.0)
QUANTITY = "gain over the default on tasks left out"


@dataclass(frozen=True)
class Scale:
    """Standardises diagnostics; beyond the cells learned from, their edge counts, and the mean for an unknown one.

    Attributes:
        centre, spread: (k,) mean and standard deviation over the cells learned from.
        low, high: (k,) range over them.
    """

    centre: Float64Array
    spread: Float64Array
    low: Float64Array
    high: Float64Array

    @classmethod
    def of(cls, x: Float64Array) -> "Scale":
        """The scale of (cells, k) diagnostics, NaN where one is unknown."""
        known = np.isfinite(x)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, x, 0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, x - centre, 0) ** 2).sum(axis=0) / count)
        inside = np.where(known, x, centre)
        return cls(centre, np.where(spread > 1e-12, spread, np.inf), inside.min(axis=0), inside.max(axis=0))

    def __call__(self, x: Float64Array) -> Float64Array:
        """(..., k) diagnostics in standard deviations from the mean."""
        return np.nan_to_num((np.clip(x, self.low, self.high) - self.centre) / self.spread)


@dataclass(frozen=True)
class Rule:
    """Ranks the arms of a cell by its diagnostics.

    Attributes:
        scale: of the diagnostics.
        means: (arms,) gains over the default, shrunk (`shrunk`); 0 for the default.
        slopes: (k, arms) change of a gain per standard deviation of a diagnostic.
        penalty: of the ridge; infinite where the diagnostics are better not used.
    """

    scale: Scale
    means: Float64Array
    slopes: Float64Array
    penalty: float

    def predicted(self, diagnostics: Float64Array) -> Float64Array:
        """(..., arms) by which to rank, for (..., k) diagnostics. Not a forecast: the best of many is flattered."""
        return np.asarray(self.means + self.scale(diagnostics) @ self.slopes)

    def choose(self, cells: Cells) -> IntArray:
        """(n,) the index of the arm with the highest score among those the cell has."""
        scores = self.predicted(cells.diagnostics)
        return _highest(scores, cells)


def learn(cells: Cells) -> Rule:
    """The rule of all ``cells``."""
    scale = Scale.of(cells.diagnostics)
    z = scale(cells.diagnostics)
    penalty = _penalty(z, cells)
    slopes = np.zeros((z.shape[1], len(cells.arms)))
    if np.isfinite(penalty):
        residuals = np.nan_to_num(cells.gains - _nanmean(task_means(cells)))
        slopes = _ridge(z.T @ z, z.T @ residuals, np.array([penalty]))[0]
        slopes[:, cells.default] = 0.0
    return Rule(scale, shrunk(task_means(cells), cells.default), slopes, penalty)


def task_means(cells: Cells) -> Float64Array:
    """(tasks, arms) gains averaged over a task's embedders; NaN where a task lacks an arm."""
    member = _member(cells)
    total, count = member @ np.nan_to_num(cells.gains), member @ np.isfinite(cells.gains)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def shrunk(gains: Float64Array, default: int) -> Float64Array:
    """Empirical Bayes: each arm's mean, drawn to the mean of the other arms the more, the less sure it is.

    An arm's mean m over its n tasks has the variance v = s² / n, with s² its own variance over tasks (the mean of the
    other arms' where n = 1). True means are taken to be normal with the arms' mean c and the variance
    τ² = max(0, Var(m) − mean(v)), by moments (Hedges); the posterior mean is c + τ² / (τ² + v) · (m − c). The default's
    is 0: it is known.

    Args:
        gains: (tasks, arms) over the default; NaN where a task lacks an arm.
        default: its column.

    Returns:
        (arms,), NaN for one no task has. With one task nothing is known of v and the means stay as they are.
    """
    means = _nanmean(gains)
    counts = np.isfinite(gains).sum(axis=0)
    others = (np.arange(gains.shape[1]) != default) & (counts > 0)
    squares = np.nansum((gains - means) ** 2, axis=0)
    spread = np.divide(squares, counts - 1, out=np.full(len(means), np.nan), where=counts > 1)
    if not np.isfinite(spread[others]).any():
        return means
    spread = np.where(np.isfinite(spread), spread, np.nanmean(spread[others]))
    variance = spread / np.maximum(counts, 1)
    centre = means[others].mean()
    between = max(0.0, means[others].var(ddof=1) - variance[others].mean()) if others.sum() > 1 else np.inf
    total = between + variance
    weight = np.divide(between, total, out=np.ones_like(total), where=(total > 0) & np.isfinite(total))
    return np.where(others, centre + weight * (means - centre), means)


@dataclass(frozen=True)
class Decision:
    """A rule, and whether it may be followed.

    Attributes:
        rule: learned from all tasks.
        test: the gain over the default of what the rule took on each task, learned from the others.
    """

    rule: Rule
    test: Part

    @property
    def leaves(self) -> bool:
        """Whether the default may be left."""
        return self.test.n >= FEWEST_TASKS and self.test.p_for < LEVEL

    def choose(self, cells: Cells) -> IntArray:
        """(n,) what to take: the rule's choice where it may be followed, else the default."""
        return self.rule.choose(cells) if self.leaves else np.full(len(cells.gains), cells.default)


def decide(cells: Cells) -> Decision:
    """Learn the rule, and test it on each of its tasks by what the others teach."""
    return Decision(learn(cells), left_out(cells, lambda rest, out: learn(rest).choose(out)))


def best_constant(known: Cells, cells: Cells) -> IntArray:
    """(n,) the arm that `shrunk` puts highest on the ``known`` tasks, among those each of ``cells`` has."""
    return _highest(shrunk(task_means(known), known.default), cells)


def left_out(cells: Cells, choose: Callable[[Cells, Cells], IntArray]) -> Part:
    """The gain over the default of what ``choose`` takes on each task, knowing the others: a t-test over tasks."""
    reached = {out.tasks[0]: gained(out, choose(rest, out)).mean() for rest, out in cells.split()}
    if not reached:
        return Part(QUANTITY, np.nan, np.nan, np.nan, 1.0, 1.0, len(cells.tasks), "datasets", smallest=1.0)
    return over_datasets(QUANTITY, pd.Series(reached))


def gained(cells: Cells, chosen: IntArray) -> Float64Array:
    """(n,) the gain over the default of the arm chosen in each cell."""
    return np.asarray(cells.gains[np.arange(len(chosen)), chosen])


@dataclass(frozen=True)
class Recommendation:
    """What to take on a new task.

    Attributes:
        budget: in labels.
        arm: the pool and the strategy to take.
        default: the arm fixed beforehand.
        rival: what the rule would take; `arm` where the default is left.
        decision: the rule, and its gain on tasks left out.
        constant: the gain on tasks left out of the best constant of the others.
        tasks: names of those with a say about this budget.
        arms: ips, strategy, mean (gain over the default on the tasks learned from), lo, hi (95 % t-interval over
            tasks, NaN for one), n (tasks), score (`Rule.scores`); the highest first.
    """

    budget: int
    arm: Arm
    default: Arm
    rival: Arm
    decision: Decision
    constant: Part
    tasks: list[str]
    arms: pd.DataFrame


def recommend(evidence: pd.DataFrame, diagnostics: Mapping[str, float], budget: int) -> Recommendation:
    """What to take on a task with these ``diagnostics`` and this ``budget``.

    Args:
        evidence: `arms.evidence`.
        diagnostics: `cells.diagnostics.diagnose`; those of `LABEL_FREE` are looked at, NaN or absent is unknown.
        budget: labels, those of the initial pool counted.

    Raises:
        UserError: no task says anything about this budget.
    """
    cells = at_budget(evidence, budget)
    decision = decide(cells)
    scores = decision.rule.predicted(np.array([diagnostics.get(name, np.nan) for name in LABEL_FREE]))
    default, rival = cells.arms[cells.default], cells.arms[int(scores.argmax())]
    table = average(cells).assign(score=scores).sort_values("score", ascending=False, kind="stable", ignore_index=True)
    arm = rival if decision.leaves else default
    return Recommendation(budget, arm, default, rival, decision, left_out(cells, best_constant), cells.tasks, table)


def average(cells: Cells) -> pd.DataFrame:
    """Every arm over all tasks: ips, strategy, mean, lo, hi (95 % t-interval over tasks, NaN for one), n (tasks)."""
    rows = []
    for arm, gains in zip(cells.arms, task_means(cells).T, strict=True):
        part = over_datasets("", pd.Series(gains[np.isfinite(gains)]))
        rows.append((*arm, part.estimate, part.lo, part.hi, part.n))
    return pd.DataFrame(rows, columns=[*ARM, "mean", "lo", "hi", "n"])


def _penalty(z: Float64Array, cells: Cells) -> float:
    """The ridge's penalty that errs least on tasks left out; infinite unless it errs less by a standard error."""
    if len(cells.tasks) < 3:
        return float("inf")
    losses = _losses(z, cells)
    saved = losses[:, -1:] - losses[:, :-1]
    best = int(saved.mean(axis=0).argmax())
    error = saved[:, best].std(ddof=1) / np.sqrt(len(saved))
    return PENALTIES[best] if saved[:, best].mean() > error else float("inf")


def _losses(z: Float64Array, cells: Cells) -> Float64Array:
    """(tasks, penalties and the infinite one) mean squared errors on each task of what the others teach.

    All tasks at once, from sums over each task's cells: a ridge on the other cells needs no more of them.
    """
    member, known, y = _member(cells), np.isfinite(cells.gains), np.nan_to_num(cells.gains)
    own = member.argmax(axis=0)
    means = task_means(cells)
    level = np.array([_nanmean(np.delete(means, task, axis=0)) for task in range(len(means))])
    level = np.nan_to_num(level)

    def others(sums: Float64Array) -> Float64Array:
        return np.asarray(sums.sum(axis=0) - sums)

    size, total = others(member.sum(axis=1)), others(member @ z)
    gram = others(np.einsum("tn,ni,nj->tij", member, z, z))
    products = others(np.einsum("tn,ni,na->tia", member, z, y))
    products -= level[:, None] * others(np.einsum("tn,ni,na->tia", member, z, known.astype(np.float64)))
    residuals = others(member @ y) - level * others(member @ known)
    centre = total / size[:, None]
    gram -= centre[:, :, None] * total[:, None]
    slopes = _ridge(gram, products - centre[:, :, None] * residuals[:, None], np.array([*PENALTIES, np.inf]))
    foretold = level[own][:, None] + np.einsum("nk,npka->npa", z - centre[own], slopes[own])
    squares = np.where(known[:, None], (y[:, None] - foretold) ** 2, 0.0).sum(axis=2)
    return np.asarray(member @ squares / (member @ known.sum(axis=1))[:, None])


def _ridge(gram: Float64Array, products: Float64Array, penalties: Float64Array) -> Float64Array:
    """(..., penalties, k, arms) solutions of (gram + penalty) slopes = products, for (..., k, k) and (..., k, arms)."""
    values, vectors = np.linalg.eigh(gram)
    turned = np.swapaxes(vectors, -1, -2) @ products
    weight = 1 / (np.maximum(values, 0)[..., None, :] + penalties[:, None])
    return np.asarray(vectors[..., None, :, :] @ (weight[..., None] * turned[..., None, :, :]))


def _member(cells: Cells) -> Float64Array:
    """(tasks, n) 1 where a cell is of a task, else 0."""
    return np.asarray(np.array(cells.tasks)[:, None] == cells.datasets, dtype=np.float64)


def _highest(scores: Float64Array, cells: Cells) -> IntArray:
    """(n,) the arm with the highest of (arms,) or (n, arms) ``scores`` that is known, among those each cell has."""
    usable = np.isfinite(cells.gains) & np.isfinite(scores)
    return np.asarray(np.where(usable, scores, -np.inf).argmax(axis=1))


def _nanmean(values: Float64Array) -> Float64Array:
    """The mean over the first axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
