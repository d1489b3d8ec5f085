"""Scaling of features, fitted on the unlabelled pool alone."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from nofreelunch.space.geometry import unit_rows

FloatArray = npt.NDArray[np.float32]

Scaling = Literal["none", "unit", "standardize"]


def scale(
    pool: npt.NDArray[np.floating], test: npt.NDArray[np.floating], how: Scaling
) -> tuple[FloatArray, FloatArray]:
    """Scaled float32 copies of ``pool`` ((n, d)) and ``test`` ((m, d)).

    ``unit`` gives each row length 1 (a zero row stays zero); ``standardize`` gives each feature of the pool mean 0 and
    variance 1 (a constant feature becomes 0) and treats the test rows alike.
    """
    pool, test = pool.astype(np.float32), test.astype(np.float32)
    if how == "unit":
        return unit_rows(pool), unit_rows(test)
    if how == "standardize":
        mean = pool.mean(axis=0, dtype=np.float64)
        deviation = pool.std(axis=0, dtype=np.float64)
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        factor = np.where(constant, 0, 1 / np.where(constant, 1, deviation))
        pool, test = (((part - mean) * factor).astype(np.float32) for part in (pool, test))
    return pool, test
