"""Margin (Scheffer et al. 2001): the smallest difference between the two highest probabilities."""

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query, lowest, two_highest


def select(query: Query) -> IntArray:
    """The candidates with the smallest p₁ − p₂, ascending."""
    first, second = two_highest(query.probabilities.T)
    return lowest((first - second)[query.candidates], query)


ENTRY = strategy(select)
