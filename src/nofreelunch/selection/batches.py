"""From the rows a strategy would take to a batch: spread out where there are too many, filled up where too few."""

import numpy as np

from nofreelunch.selection.query import IntArray, Query
from nofreelunch.space.geometry import medoids, unit_rows


def fill(rows: IntArray, candidates: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """``rows`` ((r,), among ``candidates``), then random other candidates up to ``size``."""
    others = np.setdiff1d(candidates, rows)
    return np.concatenate([rows, rng.choice(others, size - len(rows), replace=False)])


def spread(query: Query, rows: IntArray, size: int) -> IntArray:
    """``size`` of the candidates ``rows``: of each k-means cluster of their directions the row nearest its centre.

    Where there are fewer than ``size``, all of them, filled up with random candidates.
    """
    if len(rows) <= size:
        return fill(rows, query.candidates, size, query.rng)
    return rows[medoids(unit_rows(query.features[rows]), size, query.rng)]
