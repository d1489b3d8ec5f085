"""Scaling of features, fitted on the unlabelled pool alone."""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import AnyFloatArray, Float64Array, FloatArray
from nofreelunch.space.rows import squared_norms, unit_rows

Scaling = Literal["none", "unit", "standardize"]


# A centred row this much shorter than it was is rounding error, and counts as the mean itself.
ROUNDING = 1e-6


def scale(pool: AnyFloatArray, test: AnyFloatArray, how: Scaling, *, centre: bool) -> tuple[FloatArray, FloatArray]:
    """Scaled float32 copies of ``pool`` ((n, d)) and ``test`` ((m, d)).

    ``centre`` takes the pool's mean from both first, so that adding one vector to all rows changes nothing.
    ``unit`` gives each row length 1 (a zero row stays zero); ``standardize`` gives each feature of the pool mean 0 and
    variance 1 (a constant feature becomes 0) and treats the test rows alike.
    """
    pool, test = pool.astype(np.float32), test.astype(np.float32)
    if how == "standardize":
        mean = pool.mean(axis=0, dtype=np.float64)
        deviation = pool.std(axis=0, dtype=np.float64)
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        factor = np.where(constant, 0, 1 / np.where(constant, 1, deviation))
        pool, test = (((part - mean) * factor).astype(np.float32) for part in (pool, test))
        return pool, test
    if centre:
        mean = pool.mean(axis=0, dtype=np.float64)
        for part in (pool, test):
            _subtract(part, mean)
    return (unit_rows(pool), unit_rows(test)) if how == "unit" else (pool, test)


def _subtract(rows: FloatArray, mean: Float64Array) -> None:
    """Take ``mean`` ((d,)) from each of ``rows`` ((n, d)), in place; rows that equal it become 0."""
    before = squared_norms(rows)
    np.subtract(rows, mean, out=rows, casting="same_kind")
    rows[squared_norms(rows) <= ROUNDING**2 * before] = 0
