"""Entropy (Settles 2009): the highest predictive entropy."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query, lowest


def select(query: Query) -> IntArray:
    """The candidates with the highest −Σ p log p, descending."""
    negative_entropy = np.zeros(len(query.candidates), np.float32)
    for column in query.probabilities.T:
        p = column[query.candidates]
        negative_entropy += p * np.log(np.maximum(p, np.finfo(np.float32).tiny))
    return lowest(negative_entropy, query)


ENTRY = strategy(select)
