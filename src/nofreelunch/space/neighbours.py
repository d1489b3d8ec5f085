"""Nearest neighbours of a whole pool, found once, and the pairs of rows within given distances."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.space.geometry import Geometry
from nofreelunch.space.rows import blocks

TABLE_BYTES = 128 * 2**20
SHARE, FEWEST = 1 / 16, 64
TILE = 512
FULL, RANK, SPARSE = 0.75, 16, 8


@dataclass(frozen=True)
class Neighbours:
    """Each row's nearest other rows, in no order.

    Attributes:
        rows: (n, k) int32; the row itself where there are fewer than k.
        squared: (n, k) float32 squared distances; +inf where there are fewer.
        reach: (n,) float32 squared distance below which no neighbour is missing.
    """

    rows: npt.NDArray[np.int32]
    squared: FloatArray
    reach: FloatArray


def neighbours(geometry: Geometry) -> Neighbours:
    """The table of ``geometry``, computed once: for each row at most SHARE of all or FEWEST, TABLE_BYTES together."""
    return geometry.once_for_all("neighbours", lambda: _table(geometry))


def _table(geometry: Geometry) -> Neighbours:
    """Reaches are guessed first, so that each distance is computed once for both its rows and looked at once."""
    n = len(geometry.features)
    width = min(n - 1, max(FEWEST, int(SHARE * n)), max(1, TABLE_BYTES // (8 * n)))
    rows = np.repeat(np.arange(n, dtype=np.int32)[:, None], width, axis=1)
    table = Neighbours(rows, np.full((n, width), np.inf, np.float32), _reach(geometry, width))
    filled = np.zeros(n, np.int64)
    tiles = [slice(first, min(first + TILE, n)) for first in range(0, n, TILE)]
    for position, tile in enumerate(tiles):
        for other in tiles[position:]:
            row, neighbour, squared = geometry.rows.pairs(tile, other, table.reach)
            within_own = squared < table.reach[row]
            _add(table, filled, row[within_own], neighbour[within_own], squared[within_own])
            if other is not tile:
                within_own = squared < table.reach[neighbour]
                row, neighbour, squared = neighbour[within_own], row[within_own], squared[within_own]
                order = np.argsort((row - other.start).astype(np.uint16), kind="stable")
                _add(table, filled, row[order], neighbour[order], squared[order])
    return table


def _reach(geometry: Geometry, width: int) -> FloatArray:
    """(n,) float32 squared distances within which about FULL · ``width`` others lie, guessed by a sample of which RANK
    do, or fewer where it would hold more than one of SPARSE rows."""
    n, d = geometry.features.shape
    if width >= n - 1:
        return np.full(n, np.inf, np.float32)
    step = max(SPARSE, int(FULL * width / RANK))
    rank = int(FULL * width / step)
    blocked = (
        geometry.rows.sampled_distance(slice(block.start, min(block.stop, n)), step, rank)
        for block in blocks(n, max(2 * -(-n // step), d))
    )
    return np.concatenate(list(blocked))


def _add(table: Neighbours, filled: IntArray, row: IntArray, neighbour: IntArray, squared: FloatArray) -> None:
    """Enter pairs, by ascending ``row``, behind the ``filled`` ((n,)); a row that overflows keeps its nearer half."""
    if not len(row):
        return
    width = table.rows.shape[1]
    counts = np.bincount(row - row[0])
    touched = filled[row[0] : row[0] + len(counts)]
    column = np.arange(len(row)) + np.repeat(touched + counts - np.cumsum(counts), counts)
    touched += counts
    fits = slice(None) if touched.max() <= width else column < width
    place = row[fits] * width + column[fits]
    table.rows.reshape(-1)[place] = neighbour[fits]
    table.squared.reshape(-1)[place] = squared[fits]
    for full in row[0] + np.flatnonzero(touched > width):
        more = (row == full) & (column >= width)
        neighbours = np.concatenate([table.rows[full], neighbour[more]])
        distances = np.concatenate([table.squared[full], squared[more]])
        table.reach[full] = np.partition(distances, width // 2)[width // 2]
        kept = np.flatnonzero(distances < table.reach[full])
        filled[full] = len(kept)
        table.rows[full], table.squared[full] = full, np.inf
        table.rows[full, : len(kept)], table.squared[full, : len(kept)] = neighbours[kept], distances[kept]


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
