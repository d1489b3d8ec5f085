"""MaxHerding (Bae et al. 2024): greedy coverage of the pool by a Gaussian kernel around the labelled rows."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Positive
from nofreelunch.selection.batches import fill_up
from nofreelunch.selection.coverage import cover, gaussian, nearest_labelled
from nofreelunch.selection.declare import prepare_coverage, strategy
from nofreelunch.selection.query import Query


def select(query: Query, *, bandwidth: Positive = 1.0, normalise: bool = True) -> IntArray:
    """Again and again the candidate that adds most to the mean over the pool of max k(x, labelled).

    Once nothing is left to cover, random candidates follow.

    Args:
        query: the request.
        bandwidth: σ in k = exp(−‖x − x'‖²/σ²); 1 in the authors' code and the group's, on rows of length 1.
        normalise: whether rows are scaled to length 1 first, as in the authors' code.
    """
    geometry = query.geometry.unit() if normalise else query.geometry
    size = min(query.batch_size, len(query.candidates))
    everyone = np.ones(len(query.features), np.float32)
    nearest = nearest_labelled(query, geometry)
    rows = cover(geometry, nearest, everyone, query.candidates, size, gaussian(bandwidth))
    return fill_up(query, rows, size)


ENTRY = strategy(select, uses_head=False, prepare=prepare_coverage)
