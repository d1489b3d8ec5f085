"""TypiClust (Hacohen et al. 2022): the most typical point of each of the largest clusters that hold no label."""

from typing import Literal

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Count, Size
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query
from nofreelunch.selection.typicality import typical_rows


def select(
    query: Query,
    *,
    neighbours: Count = 20,
    max_clusters: Count = 500,
    min_cluster_size: Size = 5,
    normalise: bool = True,
    distance: Literal["euclidean", "squared"] = "euclidean",
) -> IntArray:
    """One request as a query strategy; for the options see `typical_rows`."""
    return typical_rows(
        query.geometry.unit() if normalise else query.geometry,
        query.labelled,
        query.candidates,
        query.batch_size,
        neighbours=neighbours,
        max_clusters=max_clusters,
        min_cluster_size=min_cluster_size,
        squared=distance == "squared",
    )


ENTRY = strategy(select, uses_head=False)
