"""Typical rows of clusters (TypiClust, Hacohen et al. 2022), for pools and strategies."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.space.geometry import Geometry
from nofreelunch.space.rows import groups


def typical_rows(
    geometry: Geometry,
    labelled: IntArray,
    candidates: IntArray,
    size: int,
    *,
    neighbours: int,
    max_clusters: int,
    min_cluster_size: int,
    squared: bool,
) -> IntArray:
    """The selection itself, for pools and strategies.

    k-means into min(labelled + size, ``max_clusters``) clusters. Clusters are visited from those with the fewest
    labels, then the largest, and round again where there are fewer of them than picks; each visit takes the
    candidate with the smallest mean distance to its nearest in-cluster candidates.

    Args:
        geometry: of the pool, of rows of length 1 where ``normalise`` is on: the authors' code loads its features so.
        labelled: (L,) int64 rows.
        candidates: (m,) int64 rows.
        size: how many to pick; all candidates where it exceeds m.
        neighbours: how many neighbours typicality looks at (the paper's 20; in a small cluster half its candidates, as
            in the authors' code).
        max_clusters: the authors' code stops at 500; beyond, clusters are visited again.
        min_cluster_size: clusters of at most this many rows come last (the authors' code leaves them out, and fails
            where nothing else is left).
        squared: whether typicality averages squared distances, as the authors' code does, or distances, as the
            paper's equation 1 does.
    """
    clusters = geometry.clustering(min(len(labelled) + size, max_clusters))
    count = int(clusters.max()) + 1
    with_label = np.bincount(clusters[labelled], minlength=count)
    members = [candidates[rows] for rows in groups(clusters[candidates], count)]
    sizes = with_label + np.array([len(rows) for rows in members])
    order = np.lexsort((-sizes, with_label, sizes <= min_cluster_size))

    picks: list[int] = []
    while len(picks) < min(size, len(candidates)):
        for cluster in order:
            rows = members[cluster]
            if len(rows) == 0:
                continue
            best = _most_typical(geometry, rows, neighbours, squared)
            picks.append(int(rows[best]))
            members[cluster] = np.delete(rows, best)
            if len(picks) == min(size, len(candidates)):
                break
    return np.array(picks, np.int64)


def _most_typical(geometry: Geometry, rows: IntArray, neighbours: int, squared: bool) -> int:
    looked_at = min(neighbours, len(rows) // 2)
    if looked_at == 0:
        return 0
    return int(np.argmin(geometry.rows.mean_neighbour_distance(rows, looked_at, squared=squared)))
