"""TypiClust initial pool (Hacohen et al. 2022): the most typical point of each of ``size`` clusters."""

import numpy as np

from nofreelunch.query import IntArray, Start
from nofreelunch.strategies.typiclust import typical_rows


def select(start: Start, *, neighbours: int = 20, max_clusters: int = 500, min_cluster_size: int = 5) -> IntArray:
    """The strategy with nothing labelled; for the options see `typical_rows`."""
    return typical_rows(
        start.geometry,
        np.empty(0, np.int64),
        np.arange(len(start.features)),
        start.size,
        neighbours=neighbours,
        max_clusters=max_clusters,
        min_cluster_size=min_cluster_size,
    )
