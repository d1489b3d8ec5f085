"""Typical rows of clusters (TypiClust, Hacohen et al. 2022), for pools and strategies."""

from itertools import islice
from typing import Any

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.space.geometry import Geometry
from nofreelunch.space.rows import Rows, groups


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
    while left := min(size, len(candidates)) - len(picks):
        visited = list(islice((cluster for cluster in order if len(members[cluster])), left))
        best = [_most_typical(geometry.rows, members[cluster], neighbours, squared) for cluster in visited]
        for cluster, position in zip(visited, geometry.rows.fetched(best), strict=True):
            picks.append(int(members[cluster][position]))
            members[cluster] = np.delete(members[cluster], position)
    return np.array(picks, np.int64)


def _most_typical(rows: Rows, members: IntArray, neighbours: int, squared: bool) -> Any:
    """Which of the ``members``, there."""
    looked_at = min(neighbours, len(members) // 2)
    if looked_at == 0:
        return rows.up(np.array(0))
    return rows.mean_neighbour_distance(members, looked_at, squared=squared).argmin()
