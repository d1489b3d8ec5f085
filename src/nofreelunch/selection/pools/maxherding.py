"""MaxHerding initial pool (Bae et al. 2024): greedy coverage of the pool by a Gaussian kernel."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Count, Positive
from nofreelunch.selection.batches import fill
from nofreelunch.selection.coverage import cover, gaussian
from nofreelunch.selection.declare import pool
from nofreelunch.selection.query import Start


def select(start: Start, *, bandwidth: Positive = 1.0, references: Count = 5000, normalise: bool = True) -> IntArray:
    """The strategy with nothing labelled: again and again the row that adds most to the mean of max k(x, picks).

    Args:
        start: the request.
        bandwidth: as for the strategy.
        references: the mean is taken over at most this many random rows of the pool. With nothing labelled every row
            may serve every other, and the first picks cost a few products of all rows with all.
        normalise: as for the strategy.
    """
    geometry = start.geometry.unit() if normalise else start.geometry
    n = len(start.features)
    weights = np.zeros(n, np.float32)
    weights[start.rng.choice(n, min(references, n), replace=False)] = 1
    nearest = np.full(n, np.inf, np.float32)
    rows = cover(geometry, nearest, weights, start.candidates, start.size, gaussian(bandwidth))
    return fill(rows, start.candidates, start.size, start.rng)


ENTRY = pool(select)
