"""A claim's test, in parts: an estimate with its interval, and how probable it is by chance in either direction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
import scipy

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import student
from nofreelunch.evaluation.intervals import DRAWS, bootstrap_interval, resamples
from nofreelunch.evaluation.quality import FEWEST, spearman
from nofreelunch.evaluation.table import Kind

_MOST_PERMUTATIONS = 5040
_ONE = "one dataset: nothing to generalise over"
_NONE = "no dataset with what it compares"


class NotTestableError(Exception):
    """The grid at hand lacks what a claim is about; the message says what."""


@dataclass(frozen=True)
class Part:
    """One quantity that a claim says is above zero.

    Attributes:
        quantity: what is estimated, in words.
        estimate, lo, hi: the estimate and its 95 % interval; NaN where unknown.
        p_for: one-sided p against the hypothesis that the quantity is at most 0.
        p_against: one-sided p against the hypothesis that it is at least 0.
        n, unit: the number of independent units the test rests on, and what they are.
        smallest: the smallest one-sided p that so many units could give; the test says nothing if it is too large.
        caveat: why the grid at hand may not decide it, or ''.
        kind: what the estimate is, and how it is shown.
    """

    quantity: str
    estimate: float
    lo: float
    hi: float
    p_for: float
    p_against: float
    n: int
    unit: str
    caveat: str = ""
    smallest: float = 0.0
    kind: Kind = "gain"


def over_datasets(quantity: str, effects: "pd.Series[float]", kind: Kind = "gain") -> Part:
    """Student's t-test that the mean effect is 0, datasets being the units.

    Datasets are what a claim generalises over: seeds, pools and embedders of one dataset share its difficulty
    and are averaged before.

    Args:
        quantity: what is estimated.
        effects: one per dataset; there may be none.
        kind: what they are.
    """
    values = effects.to_numpy(dtype=np.float64)
    n, mean = values.size, float(values.mean()) if values.size else np.nan
    if n < 2:
        return Part(quantity, mean, np.nan, np.nan, 1.0, 1.0, n, "datasets", _ONE if n else _NONE, 1.0, kind)
    error = float(values.std(ddof=1)) / np.sqrt(n)
    if error == 0:
        p_for, p_against = (1.0, 1.0) if mean == 0 else ((0.0, 1.0) if mean > 0 else (1.0, 0.0))
    else:
        p_for, p_against = (float(student.tail(sign * mean / error, n - 1)) for sign in (1, -1))
    half = float(student.quantile(0.975, n - 1)) * error
    caveat = "" if n >= FEWEST else f"only {n} datasets"
    return Part(quantity, mean, mean - half, mean + half, p_for, p_against, n, "datasets", caveat, kind=kind)


def grows_with(quantity: str, quality: pd.DataFrame, outcomes: Mapping[str, pd.DataFrame]) -> Part:
    """Does each of ``outcomes`` rise with ``quality`` among embedders? By permutation.

    The estimate is the mean over datasets of Spearman's ρ among a dataset's embedders, of the outcome where it is
    smallest. Embedders are the units: what one does to an outcome, it does in all datasets and outcomes, so they
    are permuted together. All E! orders are tried up to E = 7, else 5,040 random ones. p_for is the largest of
    the outcomes; p_against is that of the smallest ρ among the smallest of each order. The interval is a
    percentile bootstrap over datasets.

    Args:
        quantity: what is estimated; where there are several outcomes, the name of the smallest is added.
        quality: datasets × embedders.
        outcomes: name → datasets × embedders, the same labels.
    """
    embedders = quality.shape[1]
    if embedders < FEWEST:
        caveat = f"only {embedders} embedder(s): a rank correlation needs at least {FEWEST} to say anything"
        return Part(quantity, np.nan, np.nan, np.nan, 1.0, 1.0, embedders, "embedders", caveat, 1.0, "number")
    x, orders = quality.to_numpy(dtype=np.float64), _orders(embedders)
    each, drawn = [], []
    for outcome in outcomes.values():
        y = outcome.loc[quality.index, quality.columns].to_numpy(dtype=np.float64)
        each.append(np.nan_to_num(spearman(x, y)))
        drawn.append(np.nan_to_num(spearman(x, y[:, orders].transpose(1, 0, 2))).mean(axis=1))
    by_outcome, shuffled = np.array(each), np.array(drawn)
    rho = by_outcome.mean(axis=1)
    p_for = float((shuffled >= rho[:, None] - 1e-12).mean(axis=1).max())
    p_against = float((shuffled.min(axis=0) <= rho.min() + 1e-12).mean())
    lo = hi = np.nan
    if len(x) > 1:
        counts = resamples(len(x), DRAWS, generator("evidence", quantity))
        lo, hi = bootstrap_interval((counts @ by_outcome.T / len(x)).min(axis=1))
    smallest = 1 / len(orders)
    caveat = f"with {embedders} embedders no two-sided p is below {2 * smallest:.2g}" if smallest > 0.025 / 12 else ""
    where = f": smallest {list(outcomes)[int(rho.argmin())]}" if len(outcomes) > 1 else ""
    return Part(
        quantity + where, float(rho.min()), lo, hi, p_for, p_against, embedders, "embedders", caveat, smallest, "number"
    )


def differs(quantity: str, quality: pd.DataFrame, one: pd.DataFrame, other: pd.DataFrame) -> Part:
    """Does Spearman's ρ of ``quality`` with one outcome differ from that with another? By permutation of embedders.

    As `grows_with`, two-sided: p_for is the share of orders with as large a change of the mean ρ in either direction,
    halved, as the verdict doubles it. The null is that neither goes with quality, so that a change between two high ρ
    is found late. No test of this kind speaks against a difference: p_against is 1.
    """
    embedders = quality.shape[1]
    if embedders < FEWEST:
        return Part(
            quantity, np.nan, np.nan, np.nan, 1.0, 1.0, embedders, "embedders", "too few embedders", 1.0, "number"
        )
    x, orders = quality.to_numpy(dtype=np.float64), _orders(embedders)
    sides = [outcome.loc[quality.index, quality.columns].to_numpy(dtype=np.float64) for outcome in (one, other)]
    by_dataset = np.subtract(*(np.nan_to_num(spearman(x, y)) for y in sides))
    shuffled = np.subtract(*(np.nan_to_num(spearman(x, y[:, orders].transpose(1, 0, 2))).mean(axis=1) for y in sides))
    change = float(by_dataset.mean())
    p = float((np.abs(shuffled) >= abs(change) - 1e-12).mean()) / 2
    lo = hi = np.nan
    if len(x) > 1:
        lo, hi = bootstrap_interval(resamples(len(x), DRAWS, generator("evidence", quantity)) @ by_dataset / len(x))
    return Part(quantity, change, lo, hi, p, 1.0, embedders, "embedders", "", 0.5 / len(orders), "number")


def most_of(quantity: str, holds: "pd.Series[bool]") -> Part:
    """Sign test (binomial, exact) that something ``holds`` for more than half of all datasets.

    The estimate is the share of datasets minus one half; its interval is Clopper and Pearson's (1934).
    """
    n, count = len(holds), int(holds.sum())
    interval = scipy.stats.binomtest(count, n).proportion_ci(0.95)
    p_for, p_against = float(scipy.stats.binom.sf(count - 1, n, 0.5)), float(scipy.stats.binom.cdf(count, n, 0.5))
    smallest = 0.5**n
    caveat = f"with {n} datasets no two-sided p is below {2 * smallest:.2g}" if smallest > 0.025 / 12 else ""
    lo, hi = interval.low - 0.5, interval.high - 0.5
    return Part(quantity, count / n - 0.5, lo, hi, p_for, p_against, n, "datasets", caveat, smallest, "share")


def _orders(size: int) -> IntArray:
    if factorial(size) <= _MOST_PERMUTATIONS:
        return np.array(list(permutations(range(size))))
    rng = generator("evidence", "orders", size)
    drawn = [rng.permutation(size) for _ in range(_MOST_PERMUTATIONS - 1)]
    return np.array([np.arange(size), *drawn])


def jackknifed(quantity: str, cells: pd.DataFrame, statistic: Callable[[pd.DataFrame], float]) -> Part:
    """`over_datasets` for a smooth ``statistic`` of all cells, such as a spread, by jackknife pseudo-values.

    Args:
        quantity: what is estimated.
        cells: any table with a column ``dataset``.
        statistic: of a part of ``cells``.
    """
    names = cells["dataset"].unique()
    whole = statistic(cells)
    if len(names) < 2:
        return over_datasets(quantity, pd.Series([whole]), "number")
    left = [statistic(cells[cells["dataset"] != name]) for name in names]
    pseudo = len(names) * whole - (len(names) - 1) * np.array(left)
    return over_datasets(quantity, pd.Series(pseudo), "number")


def all_of(parts: list[Part]) -> tuple[float, float]:
    """(p_for, p_against) of the claim that all ``parts`` hold.

    For: the largest p (intersection–union test, valid without correction). Against it suffices that one part is
    reversed: the smallest p, Bonferroni-corrected.
    """
    p_for = max(part.p_for for part in parts)
    return p_for, min(1.0, len(parts) * min(part.p_against for part in parts))
