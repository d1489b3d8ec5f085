"""Random initial pool: a uniform sample, the reference every selection is held against."""

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import pool
from nofreelunch.selection.query import Start


def select(start: Start) -> IntArray:
    """``size`` distinct rows, uniformly."""
    return start.rng.choice(len(start.features), size=start.size, replace=False)


ENTRY = pool(select)
