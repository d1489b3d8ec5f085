"""CoreSet initial pool (Sener & Savarese 2018): k-centre greedy from the row nearest the mean."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import pool
from nofreelunch.selection.query import Start
from nofreelunch.space.geometry import LabelledDistances, farthest_first
from nofreelunch.space.rows import blocks, squared_norms


def select(start: Start) -> IntArray:
    """The row nearest the mean of the pool, then again and again the row farthest from those picked."""
    features, order = start.features, start.candidates
    mean = features.mean(axis=0)
    from_mean = [squared_norms(features[block] - mean) for block in blocks(*features.shape)]
    first = order[np.concatenate(from_mean)[order].argmin()]
    distances = LabelledDistances(start.geometry).to(np.array([first]))
    others = order[order != first]
    return np.concatenate([[first], farthest_first(start.geometry, distances, others, start.size - 1)])


ENTRY = pool(select)
