"""k-means initial pool: of each of ``size`` clusters the row nearest its centre, as in Gupte et al. (2024)."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import pool
from nofreelunch.selection.query import Start
from nofreelunch.space.rows import groups, squared_norms


def select(start: Start, *, normalise: bool = True) -> IntArray:
    """One row per cluster, the largest cluster first.

    Args:
        start: the request.
        normalise: whether rows are scaled to length 1 first.
    """
    geometry = start.geometry.unit() if normalise else start.geometry
    members = groups(geometry.clustering(start.size)[start.candidates], start.size)
    rows = []
    for positions in sorted(members, key=len, reverse=True):
        cluster = start.candidates[positions]
        features = geometry.features[cluster]
        rows.append(cluster[squared_norms(features - features.mean(axis=0)).argmin()])
    return np.array(rows, np.int64)


ENTRY = pool(select)
