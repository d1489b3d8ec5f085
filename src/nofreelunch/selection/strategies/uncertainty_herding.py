"""Uncertainty Herding (Bae et al. 2025): MaxHerding in which every row counts by its uncertainty."""

from typing import Any

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Positive
from nofreelunch.selection.batches import fill_up
from nofreelunch.selection.coverage import cover, gaussian, nearest_labelled
from nofreelunch.selection.declare import prepare_coverage, strategy
from nofreelunch.selection.query import Query
from nofreelunch.selection.together import two_highest
from nofreelunch.space.geometry import Geometry


def select(
    query: Query, *, bandwidth: Positive | None = None, temperature: Positive = 1.0, normalise: bool = True
) -> IntArray:
    """Again and again the candidate that adds most to the mean of (1 − (p₁ − p₂)) · max k(x, labelled).

    Labelled rows do not count. Once nothing is left to cover, random candidates follow.

    Args:
        query: the request.
        bandwidth: σ in k = exp(−‖x − x'‖²/σ²). By default, as in the paper, the smallest distance above 0 between two
            labelled rows, so that the kernel narrows as labels come in.
        temperature: scores are divided by it before the margin is taken. The paper fits it to held-out labels, which a
            pool-based run does not have; the authors' code reads it from its configuration.
        normalise: whether rows are scaled to length 1 first, as in the authors' code.
    """
    geometry = query.geometry.unit() if normalise else query.geometry
    rows = query.geometry.rows
    weights = rows.down(_uncertainty(rows.up(query.scored).T, temperature, rows.xp))
    weights[query.labelled] = 0
    size = min(query.batch_size, len(query.candidates))
    kernel = gaussian(bandwidth or _smallest_distance(geometry, query.labelled))
    picks = cover(geometry, nearest_labelled(query, geometry), weights, query.candidates, size, kernel)
    return fill_up(query, picks, size)


def _uncertainty(columns: Any, temperature: float, xp: Any) -> Any:
    """(n,) float32 1 − (p₁ − p₂) at ``temperature`` of the probabilities' ``columns`` ((C, n)): softmax(log p / T) is
    p^(1/T), scaled to sum to 1."""
    tempered = columns if temperature == 1 else columns ** np.float32(1 / temperature)
    first, second = two_highest(tempered, xp)
    return 1 - (first - second) / tempered.sum(axis=0)


def _smallest_distance(geometry: Geometry, labelled: IntArray) -> float:
    features, norms = geometry.features[labelled].astype(np.float64), geometry.squared_norms[labelled]
    squared = norms[:, None] + norms - 2 * (features @ features.T)
    np.fill_diagonal(squared, 0)
    apart = squared[squared > 1e-6 * max(float(norms.max()), 1e-12)]
    return float(np.sqrt(apart.min())) if len(apart) else 1.0


ENTRY = strategy(select, prepare=prepare_coverage)
