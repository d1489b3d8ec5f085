"""Margin (Scheffer et al. 2001): the smallest difference between the two highest probabilities."""

import numpy as np

from nofreelunch.query import IntArray, Query, lowest


def select(query: Query) -> IntArray:
    """The candidates with the smallest p₁ − p₂, ascending."""
    first = np.zeros(len(query.candidates), np.float32)
    second = np.zeros_like(first)
    for column in query.probabilities.T:
        p = column[query.candidates]
        np.maximum(second, np.minimum(first, p), out=second)
        np.maximum(first, p, out=first)
    return lowest(first - second, query)
