"""Nearest neighbours of a whole pool, found once, and the pairs of rows within given distances."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nofreelunch.geometry import Geometry
from nofreelunch.rows import FloatArray, IntArray, blocks

TABLE_BYTES = 128 * 2**20
MOST = 1024


@dataclass(frozen=True)
class Neighbours:
    """Each row's nearest other rows.

    Attributes:
        rows: (n, k) int32, ascending by distance.
        squared: (n, k) float32 squared distances.
        reach: (n,) float32 squared distance below which no neighbour is missing.
    """

    rows: npt.NDArray[np.int32]
    squared: FloatArray
    reach: FloatArray


def neighbours(geometry: Geometry) -> Neighbours:
    """The table of ``geometry``, computed once: at most MOST neighbours a row and TABLE_BYTES in all."""
    return geometry.once_for_all("neighbours", lambda: _table(geometry))


def _table(geometry: Geometry) -> Neighbours:
    n = len(geometry.features)
    k = min(n - 1, MOST, max(1, TABLE_BYTES // (8 * n)))
    rows, squared = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for block in _row_blocks(np.arange(n), n):
        rows[block], squared[block] = geometry.rows.closest(block, k)
    reach = squared[:, -1].copy() if 0 < k < n - 1 else np.full(n, np.inf, np.float32)
    return Neighbours(rows, squared, reach)


def within(
    geometry: Geometry, sources: IntArray, limits: FloatArray
) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
    """All pairs (source, other row) nearer than the source's limit, in portions of bounded size.

    Args:
        geometry: of the pool.
        sources: (s,) int64 rows.
        limits: (s,) float32 squared distances, exclusive.

    Yields:
        positions in ``sources``, rows, and float32 squared distances, each (p,).
    """
    table = neighbours(geometry)
    complete = limits <= table.reach[sources]
    for block in _row_blocks(np.flatnonzero(complete), max(1, table.rows.shape[1])):
        squared = table.squared[sources[block]]
        source, place = np.nonzero(squared < limits[block, None])
        yield block[source], table.rows[sources[block[source]], place].astype(np.int64), squared[source, place]
    for block in _row_blocks(np.flatnonzero(~complete), len(geometry.features)):
        source, row, distances = geometry.rows.within(sources[block], limits[block])
        yield block[source], row, distances


def _row_blocks(rows: IntArray, width: int) -> list[IntArray]:
    return [rows[block] for block in blocks(len(rows), 2 * width)]
