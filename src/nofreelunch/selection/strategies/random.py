"""Random: a uniform sample of the candidates, the reference every strategy is held against."""

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query


def select(query: Query) -> IntArray:
    """``batch_size`` distinct candidates, uniformly."""
    size = min(query.batch_size, len(query.candidates))
    return query.rng.choice(query.candidates, size=size, replace=False)


ENTRY = strategy(select, uses_head=False)
