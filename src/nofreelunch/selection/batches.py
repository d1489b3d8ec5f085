"""From the rows a strategy would take to a batch: spread out where there are too many, filled up where too few."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.query import Query
from nofreelunch.space.geometry import medoids


def fill(rows: IntArray, candidates: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """``rows`` ((r,), among ``candidates``), then random other candidates up to ``size``."""
    others = np.setdiff1d(candidates, rows)
    return np.concatenate([rows, rng.choice(others, size - len(rows), replace=False)])


def fill_up(query: Query, rows: IntArray, size: int) -> IntArray:
    """``rows``, then random other candidates up to ``size``, whose number is noted."""
    query.filled.append(size - len(rows))
    return fill(rows, query.candidates, size, query.rng)


def spread(query: Query, rows: IntArray, size: int) -> IntArray:
    """``size`` of the candidates ``rows``: of each k-means cluster of their directions the row nearest its centre.

    Where there are fewer than ``size``, all of them, filled up with random candidates.
    """
    if len(rows) <= size:
        return fill_up(query, rows, size)
    return rows[medoids(query.geometry.rows.unit_part(rows), size, query.rng)]
