"""CoreSet (Sener & Savarese 2018): k-centre greedy in feature space, from the labelled set."""

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query
from nofreelunch.space.geometry import farthest_first


def select(query: Query) -> IntArray:
    """Again and again the candidate farthest from its nearest labelled or picked row; of equal ones the earlier."""
    size = min(query.batch_size, len(query.candidates))
    return farthest_first(query.geometry, query.distances.to(query.labelled), query.candidates, size)


ENTRY = strategy(select, uses_head=False)
