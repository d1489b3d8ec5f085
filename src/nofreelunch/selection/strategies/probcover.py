"""ProbCover (Yehuda et al. 2022): greedy cover of the pool by balls around the labelled rows."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Positive, Share
from nofreelunch.selection.batches import fill_up
from nofreelunch.selection.coverage import ball, cover, nearest_labelled, purity_radius
from nofreelunch.selection.declare import prepare_coverage, strategy
from nofreelunch.selection.query import Query


def select(query: Query, *, purity: Share = 0.95, radius: Positive | None = None, normalise: bool = True) -> IntArray:
    """Again and again the candidate whose ball holds most uncovered rows; of equal ones the earlier.

    Once all is covered, random candidates follow (the authors' code goes on with row 0 for ever).

    Args:
        query: the request.
        purity: where no radius is given, δ is the largest for which this share of all balls holds one pseudo-label
            alone, the labels being those of k-means with as many clusters as there are classes (the paper's section
            3.2, α = 0.95).
        radius: δ itself, which the authors' code takes as given, found by hand on a plot of the same.
        normalise: whether rows are scaled to length 1 first, as in the authors' code.
    """
    geometry = query.geometry.unit() if normalise else query.geometry
    squared = purity_radius(geometry, query.head.class_count, purity) if radius is None else radius**2
    size = min(query.batch_size, len(query.candidates))
    everyone = np.ones(len(query.features), np.float32)
    nearest = nearest_labelled(query, geometry)
    rows = cover(geometry, nearest, everyone, query.candidates, size, ball(squared), squared)
    return fill_up(query, rows, size)


ENTRY = strategy(select, uses_head=False, prepare=prepare_coverage)
