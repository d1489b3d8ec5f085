"""FALCUN (Gilhuber et al. 2024): a draw by uncertainty plus distance to the picks in the space of probabilities."""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import BoolArray, Float64Array, FloatArray, IntArray
from nofreelunch.base.options import NotNegative
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query, two_highest
from nofreelunch.space.geometry import weighted_draw


def select(query: Query, *, gamma: NotNegative = 10.0, relevance: Literal["sum", "distance"] = "sum") -> IntArray:
    """One candidate after the other with probability ∝ relevance^γ.

    Uncertainty is u = 1 − (p₁ − p₂). The distance starts at u and falls to the smallest L1 distance to a pick.

    Args:
        query: the request.
        gamma: 0 draws uniformly, a large one takes the most relevant (10 in the authors' configuration).
        relevance: ``sum``: u plus the distance scaled to 0..1 over the open candidates, as in the paper and the
            authors' configuration; ``distance``: the distance alone, the default of the authors' class.
    """
    p = query.probabilities.T[:, query.candidates]
    first, second = two_highest(p)
    uncertainty = 1 - (first - second)
    distances = uncertainty.copy()
    free = np.ones(len(distances), bool)
    picks = np.empty(min(query.batch_size, len(distances)), np.int64)
    for i in range(len(picks)):
        relevant = uncertainty + _scaled(distances, free) if relevance == "sum" else distances
        position = weighted_draw(_power(relevant, gamma, free), query.rng)
        if not free[position]:
            position = int(query.rng.choice(np.flatnonzero(free)))
        picks[i] = position
        free[position] = False
        np.minimum(distances, np.abs(p - p[:, position, None]).sum(axis=0), out=distances)
    return query.candidates[picks]


def _scaled(distances: FloatArray, free: BoolArray) -> FloatArray:
    low, high = distances[free].min(), distances[free].max()
    scaled: FloatArray = (distances - low) / max(high - low, np.float32(1e-12))
    return scaled


def _power(relevant: FloatArray, gamma: float, free: BoolArray) -> Float64Array:
    """relevance^γ of the free ones up to a factor that keeps it in range, 0 for the others."""
    largest = relevant[free].max()
    if largest <= 0:
        return np.zeros(len(relevant))
    weights: Float64Array = (np.where(free, relevant, 0) / np.float64(largest)) ** gamma
    weights[~free] = 0
    return weights


ENTRY = strategy(select)
