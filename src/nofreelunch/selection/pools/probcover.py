"""ProbCover initial pool (Yehuda et al. 2022): greedy cover of the pool by balls."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Count, Positive, Share
from nofreelunch.selection.batches import fill
from nofreelunch.selection.coverage import ball, cover, purity_radius
from nofreelunch.selection.declare import pool
from nofreelunch.selection.query import Start


def select(
    start: Start,
    *,
    purity: Share = 0.95,
    radius: Positive | None = None,
    clusters: Count | None = None,
    normalise: bool = True,
) -> IntArray:
    """The strategy with nothing labelled: again and again the row whose ball holds most uncovered rows.

    Args:
        start: the request.
        purity, radius: as for the strategy.
        clusters: how many pseudo-labels; the paper takes the number of classes, which nothing tells before the first
            label. By default as many as there are rows to select.
        normalise: as for the strategy.
    """
    geometry = start.geometry.unit() if normalise else start.geometry
    squared = purity_radius(geometry, clusters or start.size, purity) if radius is None else radius**2
    n = len(start.features)
    nearest, everyone = np.full(n, np.inf, np.float32), np.ones(n, np.float32)
    rows = cover(geometry, nearest, everyone, start.candidates, start.size, ball(squared), squared)
    return fill(rows, start.candidates, start.size, start.rng)


ENTRY = pool(select)
