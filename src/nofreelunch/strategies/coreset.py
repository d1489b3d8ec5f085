"""CoreSet (Sener & Savarese 2018): k-centre greedy in feature space, from the labelled set."""

import numpy as np

from nofreelunch.geometry import update_nearest
from nofreelunch.query import IntArray, Query


def select(query: Query) -> IntArray:
    """Again and again the candidate farthest from its nearest labelled or picked row; ties go to the lower row."""
    distances = query.distances.to(query.labelled)
    open_rows = np.full(len(distances), -np.inf, np.float32)
    open_rows[query.candidates] = 0
    picks = np.empty(min(query.batch_size, len(query.candidates)), np.int64)
    for i in range(len(picks)):
        picks[i] = np.argmax(distances + open_rows)
        open_rows[picks[i]] = -np.inf
        update_nearest(distances, query.geometry, picks[i : i + 1])
    return picks
