"""TypiClust initial pool (Hacohen et al. 2022): the most typical point of each of ``size`` clusters."""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Count, Size
from nofreelunch.selection.declare import pool
from nofreelunch.selection.query import Start
from nofreelunch.selection.typicality import typical_rows


def select(
    start: Start,
    *,
    neighbours: Count = 20,
    max_clusters: Count = 500,
    min_cluster_size: Size = 5,
    normalise: bool = True,
    distance: Literal["euclidean", "squared"] = "euclidean",
) -> IntArray:
    """The strategy with nothing labelled; for the options see `typical_rows`."""
    return typical_rows(
        start.geometry.unit() if normalise else start.geometry,
        np.empty(0, np.int64),
        start.candidates,
        start.size,
        neighbours=neighbours,
        max_clusters=max_clusters,
        min_cluster_size=min_cluster_size,
        squared=distance == "squared",
    )


ENTRY = pool(select)
