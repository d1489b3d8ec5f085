"""TypiClust (Hacohen et al. 2022): the most typical point of each of the largest clusters that hold no label."""

import numpy as np

from nofreelunch.geometry import Geometry, mean_neighbour_distance
from nofreelunch.query import IntArray, Query


def select(query: Query, *, neighbours: int = 20, max_clusters: int = 500, min_cluster_size: int = 5) -> IntArray:
    """One request as a query strategy; for the options see `typical_rows`."""
    return typical_rows(
        query.geometry,
        query.labelled,
        query.candidates,
        query.batch_size,
        neighbours=neighbours,
        max_clusters=max_clusters,
        min_cluster_size=min_cluster_size,
    )


def typical_rows(
    geometry: Geometry,
    labelled: IntArray,
    candidates: IntArray,
    size: int,
    *,
    neighbours: int,
    max_clusters: int,
    min_cluster_size: int,
) -> IntArray:
    """The selection itself, for pools and strategies.

    k-means into min(labelled + size, ``max_clusters``) clusters. Clusters are visited from those with the fewest
    labels, then the largest, and round again where there are fewer of them than picks; each visit takes the
    candidate with the smallest mean distance to its nearest in-cluster candidates.

    Args:
        geometry: of the pool.
        labelled: (L,) int64 rows.
        candidates: (m,) int64 rows.
        size: how many to pick; all candidates where it exceeds m.
        neighbours: how many neighbours typicality looks at (the paper's 20; in a small cluster half its members, as in
            the authors' code).
        max_clusters: the authors' code stops at 500; beyond, clusters are visited again.
        min_cluster_size: clusters of at most this many candidates come last (the authors' code leaves them out).
    """
    clusters = geometry.clustering(min(len(labelled) + size, max_clusters))
    count = int(clusters.max()) + 1
    with_label = np.bincount(clusters[labelled], minlength=count)
    members = [candidates[rows] for rows in _groups(clusters[candidates], count)]
    sizes = np.array([len(rows) for rows in members])
    order = np.lexsort((-sizes, with_label, sizes <= min_cluster_size))

    picks: list[int] = []
    while len(picks) < min(size, len(candidates)):
        for cluster in order:
            rows = members[cluster]
            if len(rows) == 0:
                continue
            best = _most_typical(geometry, rows, neighbours)
            picks.append(int(rows[best]))
            members[cluster] = np.delete(rows, best)
            if len(picks) == min(size, len(candidates)):
                break
    return np.array(picks, np.int64)


def _groups(labels: IntArray, count: int) -> list[IntArray]:
    """For each label the positions that carry it, ascending."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])


def _most_typical(geometry: Geometry, rows: IntArray, neighbours: int) -> int:
    looked_at = min(neighbours, len(rows) // 2)
    if looked_at == 0:
        return 0
    return int(np.argmin(mean_neighbour_distance(geometry.features[rows], looked_at)))
