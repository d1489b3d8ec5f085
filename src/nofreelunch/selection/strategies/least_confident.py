"""Least confident (Lewis & Gale 1994): the lowest highest probability."""

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query, lowest


def select(query: Query) -> IntArray:
    """The candidates with the lowest max p, ascending."""
    return lowest(query.probabilities.max(axis=1)[query.candidates], query)


ENTRY = strategy(select)
