"""Margin (Scheffer et al. 2001): the smallest difference between the two highest probabilities."""

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.together import Block, Jointly, two_highest


def select_all(block: Block) -> list[IntArray]:
    """The candidates with the smallest p₁ − p₂, ascending."""
    first, second = two_highest(block.columns, block.rows.xp)
    return block.lowest(first - second)


select = Jointly(select_all)
ENTRY = strategy(select)
