"""Means with intervals, and differences paired by seed: what every table is made of."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.evaluation import student

# Bootstrap samples behind every interval.
DRAWS = 2000


def mean_interval(frame: pd.DataFrame, by: Sequence[str], column: str, level: float = 0.95) -> pd.DataFrame:
    """Mean of ``column`` and its Student t-interval within each group of ``by``.

    The interval is mean ± t₍ₙ₋₁₎ · s / √n with s the standard deviation of n − 1 degrees of freedom.

    Returns:
        ``by``, n (int64), mean, lo, hi (float64). With n = 1 the interval is unknown: lo and hi are NaN.
    """
    groups = frame.groupby(list(by), observed=True)[column]
    table = groups.agg(n="count", mean="mean", deviation="std").reset_index()
    half = half_width(table.pop("deviation").to_numpy(), table["n"].to_numpy(), level)
    return table.assign(lo=table["mean"] - half, hi=table["mean"] + half)


def half_width(deviation: Float64Array, n: IntArray, level: float = 0.95) -> Float64Array:
    """Half the t-interval of a mean of ``n`` values with this standard deviation; NaN for n < 2."""
    quantile = student.quantile(0.5 + level / 2, np.maximum(n - 1, 1))
    return np.where(n > 1, quantile * deviation / np.sqrt(n), np.nan)


def paired_difference(
    frame: pd.DataFrame, factor: str, baseline: str, keys: Sequence[str], columns: Sequence[str]
) -> pd.DataFrame:
    """Each row whose ``factor`` is not ``baseline``, minus the baseline's with the same other ``keys``.

    Args:
        frame: one row per combination of ``keys``, of which ``factor`` is one.
        columns: what to subtract.

    Returns:
        ``keys`` and ``columns`` (float64); no rows where the baseline or anything else is absent.
    """
    others = [key for key in keys if key != factor]
    is_base = frame[factor] == baseline
    base = frame.loc[is_base, [*others, *columns]]
    rows = frame.loc[~is_base, [*keys, *columns]]
    joined = rows.merge(base, on=others, suffixes=("", "_baseline"), validate="many_to_one")
    for column in columns:
        joined[column] -= joined.pop(f"{column}_baseline")
    return joined


def bootstrap_interval(draws: Float64Array, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the finite ``draws``; NaN where fewer than half of them are finite."""
    finite = draws[np.isfinite(draws)]
    if 2 * finite.size < draws.size:
        return np.nan, np.nan
    lo, hi = np.quantile(finite, [0.5 - level / 2, 0.5 + level / 2])
    return float(lo), float(hi)


def resamples(units: int, draws: int, rng: np.random.Generator) -> IntArray:
    """(draws, units) int64: how often each unit is in each bootstrap sample of ``units`` with replacement."""
    return rng.multinomial(units, np.full(units, 1 / units), size=draws).astype(np.int64)
