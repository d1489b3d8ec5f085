"""Greedy coverage of a pool: ProbCover's balls, and the kernels of MaxHerding and Uncertainty Herding.

A set covers row i by k(d), d the distance from i to its nearest member and k a kernel that falls with it. Adding row j
helps i only where j is nearer than that member, so gains are sums over the pairs `neighbours.within` finds, and after
each pick only the pairs of the rows it helped change.
"""

from collections.abc import Callable

import numpy as np

from nofreelunch.base.arrays import AnyFloatArray, Float64Array, FloatArray, IntArray
from nofreelunch.selection.query import Query
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.neighbours import neighbours, within
from nofreelunch.space.rows import blocks

EQUAL = 1e-6

Kernel = Callable[[FloatArray], AnyFloatArray]
"""Of squared distances, all of which may be +inf."""


def gaussian(bandwidth: float) -> Kernel:
    """exp(−d²/σ²), as in the authors' code: there is no 2 in it."""
    return lambda squared: np.exp(squared * np.float32(-1 / bandwidth**2))


def ball(squared_radius: float) -> Kernel:
    """1 inside the ball, 0 on its border and outside."""
    return lambda squared: (squared < np.float32(squared_radius)).astype(np.float32)


def prepare(geometry: Geometry, *, normalise: bool = True, **_: object) -> None:
    """Find the neighbours that the strategies of this kind look at, so that all runs of a cell share them."""
    neighbours(geometry.unit() if normalise else geometry)


def nearest_labelled(query: Query, geometry: Geometry) -> FloatArray:
    """(n,) float32 squared distances to the nearest labelled row in ``geometry``, the request's or its unit rows."""
    kept = query.distances if geometry is query.geometry else LabelledDistances(geometry)
    return geometry.rows.down(kept.to(query.labelled))


def cover(
    geometry: Geometry,
    nearest: FloatArray,
    weights: FloatArray,
    candidates: IntArray,
    size: int,
    kernel: Kernel,
    limit: float = np.inf,
) -> IntArray:
    """Again and again the candidate that adds most to Σᵢ weightᵢ k(dᵢ); of equal ones the earlier.

    Args:
        geometry: of the pool.
        nearest: (n,) float32 squared distance of every row to its nearest member so far; +inf for none.
        weights: (n,) float32; rows of weight 0 need no cover.
        candidates: (m,) int64 rows.
        size: how many to pick, at most m. Fewer are picked where no candidate adds anything.
        kernel: the cover by squared distance.
        limit: squared distance from which on the kernel is 0.
    """
    nearest = nearest.copy()
    gains = np.zeros(len(nearest))
    sources = np.flatnonzero(weights > 0)
    cut = np.minimum(nearest, np.float32(limit))
    gains[sources] = weights[sources] * (kernel(np.zeros(1, np.float32)) - kernel(nearest[sources]))
    for source, row, squared in within(geometry, sources, cut[sources]):
        rows = sources[source]
        gains += np.bincount(row, weights[rows] * (kernel(squared) - kernel(nearest[rows])), len(gains))

    closed = np.zeros(len(candidates), bool)
    picks: list[int] = []
    while len(picks) < size:
        open_gains = np.where(closed, -np.inf, gains[candidates])
        largest = open_gains.max()
        if largest <= 1e-9 * weights.max():
            break
        # Equal rows gain the same but for the rounding of their distances.
        position = int(np.argmax(open_gains >= largest * (1 - EQUAL)))
        pick = int(candidates[position])
        picks.append(pick)
        closed[position] = True
        helped, squared = _nearer(geometry, pick, nearest, weights, limit)
        _replace(gains, geometry, helped, nearest, squared, weights, kernel, limit)
        nearest[helped] = squared
    return np.array(picks, np.int64)


def _nearer(
    geometry: Geometry, pick: int, nearest: FloatArray, weights: FloatArray, limit: float
) -> tuple[IntArray, FloatArray]:
    """The rows with weight that ``pick`` is nearer to than ``limit`` and any member, and their squared distances to
    it."""
    table = neighbours(geometry)
    # Beyond the table's reach only rows whose member is farther still can be among them.
    beyond = nearest > table.reach[pick] if table.reach[pick] < limit else np.zeros(len(nearest), bool)
    far = np.flatnonzero(beyond & (weights > 0))
    products = geometry.rows.down(geometry.rows.dots(pick, far))
    norms = geometry.squared_norms
    rows = np.concatenate([table.rows[pick], far, [pick]]).astype(np.int64)
    squared = np.concatenate(
        [table.squared[pick], np.maximum(norms[far] + norms[pick] - 2 * products, 0), np.zeros(1, np.float32)]
    )
    squared[rows == pick] = 0
    rows, first = np.unique(rows, return_index=True)
    squared = squared[first]
    kept = (squared < np.minimum(nearest[rows], np.float32(limit))) & (weights[rows] > 0)
    return rows[kept], squared[kept]


def _replace(
    gains: Float64Array,
    geometry: Geometry,
    helped: IntArray,
    before: FloatArray,
    after: FloatArray,
    weights: FloatArray,
    kernel: Kernel,
    limit: float,
) -> None:
    """Correct ``gains`` for rows whose nearest member came from ``before`` ((n,)) to ``after`` ((h,))."""
    old, new = kernel(before[helped]), kernel(after)
    gains[helped] -= weights[helped] * (new - old)
    cut = np.minimum(before[helped], np.float32(limit))
    for source, row, squared in within(geometry, helped, cut):
        value = kernel(squared)
        lost = np.minimum(value, new[source]) - old[source]
        gains -= np.bincount(row, weights[helped[source]] * lost, len(gains))


def purity_radius(geometry: Geometry, classes: int, purity: float) -> float:
    """The largest squared radius at which a share ``purity`` of all balls holds rows of one k-means cluster alone.

    A ball is pure up to the distance from its centre to the nearest row of another cluster, so the radius is a quantile
    of these distances. Where there is no other cluster it is 0: one ball would do, and nothing tells rows apart.
    """
    return geometry.once(("purity radius", classes, purity), lambda: _purity_radius(geometry, classes, purity))


def _purity_radius(geometry: Geometry, classes: int, purity: float) -> float:
    labels = geometry.clustering(classes).astype(np.int32)
    table = neighbours(geometry)
    limits = np.full(len(labels), np.inf, np.float32)
    for block in blocks(len(labels), 2 * table.rows.shape[1]):
        different = labels[table.rows[block]] != labels[block, None]
        limits[block] = np.where(different, table.squared[block], np.inf).min(axis=1, initial=np.inf)
    found = limits < table.reach
    limits[~found] = table.reach[~found]
    rank = min(int((1 - purity) * len(labels) + 1e-9), len(labels) - 1)
    # A table may end before the nearest row of another cluster: then its reach is a lower bound, and is replaced.
    while True:
        radius = np.partition(limits, rank)[rank]
        unknown = np.flatnonzero(~found & (limits <= radius) & np.isfinite(limits))
        if not len(unknown):
            return float(radius) if np.isfinite(radius) else 0.0
        exact = np.full(len(unknown), np.inf, np.float32)
        everything = np.full(len(unknown), np.inf, np.float32)
        for source, row, squared in within(geometry, unknown, everything):
            other = labels[row] != labels[unknown[source]]
            np.minimum.at(exact, source[other], squared[other])
        limits[unknown] = exact
        found[unknown] = True
