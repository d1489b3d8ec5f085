"""Least confident (Lewis & Gale 1994): the lowest highest probability."""

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.together import Block, Jointly


def select_all(block: Block) -> list[IntArray]:
    """The candidates with the lowest max p, ascending."""
    return block.lowest(block.rows.xp.amax(block.columns, axis=0))


select = Jointly(select_all)
ENTRY = strategy(select)
