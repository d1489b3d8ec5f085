"""The rows of a matrix, and the products with all of them on which an experiment spends its time; here by NumPy.

`device.place` decides where they are computed. What is written for both kinds of arrays takes them there by `Rows.up`,
computes with operators and the functions of `Rows.xp`, and fetches what others read by `Rows.down`. All temporaries are
bounded by BLOCK_BYTES.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, FloatArray, IntArray
from nofreelunch.space.draws import Draw, draws_of_one

BLOCK_BYTES = 64 * 2**20
# Beyond this share of the rows one product with all of them is faster than gathering those that are wanted.
GATHERED = 0.25
# OpenBLAS multiplies in place where there are no more multiplications than this; not worth it for fewer rows at a time.
SMALL, LEAST = 10**6, 16
# Columns that a quadratic form takes at a time: fewer save multiplications, and are multiplied more slowly.
STRIP = 128
CACHED = 512


def squared_norms(features: FloatArray) -> FloatArray:
    """(n,) float32 squared row lengths of ``features`` ((n, d))."""
    norms: FloatArray = np.einsum("ij,ij->i", features, features)
    return norms


def slices(count: int, size: int) -> Iterator[slice]:
    """Slices of ``size`` of 0..count-1; the last may end beyond."""
    return (slice(first, first + size) for first in range(0, count, size))


def blocks(count: int, width: int) -> Iterator[slice]:
    """Slices of 0..count-1, each of so many rows that ``width`` float32 for each fit into BLOCK_BYTES."""
    return slices(count, max(1, BLOCK_BYTES // (4 * max(1, width))))


def thin_product(a: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """``a`` @ ``b`` into ``out``, for ``b`` of few columns: in pieces so small that OpenBLAS does not pack them first,
    which takes longer than the product itself."""
    n, width = len(a), b.shape[1]
    if out is None:
        out = np.empty((n, width), np.float32)
    height = SMALL // max(1, b.size)
    if height < LEAST:
        height = max(1, n)
    for first in range(0, n, height):
        out[first : first + height] = a[first : first + height] @ b
    return out


def divisors(norms: FloatArray) -> FloatArray:
    """(n,) what scales rows of squared lengths ``norms`` to length 1; a zero row stays zero."""
    lengths: FloatArray = np.sqrt(norms)
    lengths[lengths == 0] = 1
    return lengths


def unit_rows(features: FloatArray) -> FloatArray:
    """(n, d) float32 rows of ``features`` scaled to length 1; a zero row stays zero."""
    return np.divide(features, divisors(squared_norms(features))[:, None], dtype=np.float32)


class Rows:
    """A matrix of features that stays what it is.

    Where … stands it is the axis of the runs that are asked together; on the CPU, whose bytes hang on no company, there
    is one run and no such axis, and a position ((…) int64) is a number.

    Attributes:
        features: (n, d) float32.
        squared_norms: (n,) float32, ‖x‖² of every row.
        xp: the functions on arrays where the products are computed: NumPy's, or torch's of the same name.
        several: whether runs are asked together.
    """

    xp: Any = np
    several = False

    def __init__(self, features: FloatArray, norms: FloatArray | None = None) -> None:
        self.features = features
        self.squared_norms = squared_norms(features) if norms is None else norms

    def up(self, array: AnyArray | np.generic | int) -> Any:
        """``array`` where the products are computed: here itself."""
        return array

    def down(self, array: Any) -> AnyArray:
        """An array from there as NumPy's: here itself."""
        there: AnyArray = array
        return there

    def portions(self, count: int) -> Iterator[slice]:
        """Slices of 0..count-1 for what goes through rows several times: so few at once that a cache keeps them."""
        return slices(count, CACHED)

    @property
    def norms(self) -> Any:
        """``squared_norms``, there."""
        return self.squared_norms

    def fetched(self, places: Sequence[Any]) -> IntArray:
        """(k, …) here what was found one after the other there: numbers, or on a device one for each run."""
        return np.array(places, np.int64)

    def empty(self, *shape: int) -> Any:
        """A new float32 array there, not yet filled."""
        return np.empty(shape, np.float32)

    def take(self, rows: IntArray) -> Any:
        """(r, d) the ``rows``, there."""
        return self.features[rows]

    def columns(self, columns: Any, rows: IntArray) -> Any:
        """(C, r) the ``rows`` of ``columns`` ((C, n), there), contiguous."""
        return np.ascontiguousarray(columns[:, rows])

    def unit_part(self, rows: IntArray) -> "Rows":
        """The ``rows`` ((r,)) alone, scaled to length 1."""
        return Rows(unit_rows(self.features[rows]))

    def gathered(self, values: Any, order: Any) -> Any:
        """(…, k) those of ``values`` ((…, n), and perhaps an axis before) that are at ``order`` ((…, k)), all there."""
        return values[..., order]

    def where(self, wanted: Callable[[], Any]) -> Any:
        """An index of what is ``wanted`` (a function to (…, n) bool, there) in a flat array, or of more where choosing
        takes longer."""
        return np.flatnonzero(wanted())

    def draws(self, rngs: Sequence[np.random.Generator], counts: Sequence[int]) -> Draw:
        """Draws of runs, ``counts`` times of each, by their own generators; weights and positions are there."""
        (rng,) = rngs
        return draws_of_one(rng)

    def inner(self, one: Any, other: Any) -> Any:
        """(…) the products of arrays (…, k) along their last axis, there."""
        return np.einsum("...i,...i->...", one, other)

    def each(self, matrices: Any, picks: Any) -> Any:
        """(…, n) products of all rows of each run's matrix ((…, n, k)) with that at ``picks`` ((…)), all there."""
        return matrices @ matrices[picks]

    def coins(self, shape: tuple[int, ...], chance: float, rng: np.random.Generator) -> Any:
        """Independent coins of this shape, there, true with ``chance`` (to 16 bits)."""
        count = int(np.prod(shape))
        words = np.asarray(rng.bit_generator.random_raw(-(-count // 4))).view(np.uint16)[:count]
        return words.reshape(shape) < round(chance * 2**16)

    def thin_product(self, features: Any, matrix: Any) -> FloatArray:
        """(r, k) ``features`` @ ``matrix`` ((d, k)) of few columns, both there."""
        return thin_product(features, matrix)

    def half_solved(self, square: Any, matrix: Any) -> Any:
        """L⁻¹ times ``matrix`` ((k, d)), there, for the positive definite ``square`` = LLᵀ ((k, k)), float64."""
        from scipy.linalg import cholesky, solve_triangular

        return solve_triangular(cholesky(square, lower=True), matrix, lower=True)

    def scores(self, weights: FloatArray, out: Any) -> None:
        """``weights`` @ features.T into ``out`` ((k, n), there), for ``weights`` ((k, d))."""
        thin_product(self.features, np.ascontiguousarray(weights.T), out.T)

    def products(self, matrix: Any, rows: IntArray) -> Any:
        """(r, k) features[rows] @ ``matrix`` ((d, k), here or there), there."""
        return self.features[rows] @ matrix

    def dots(self, picks: Any, near: Any) -> Any:
        """The products of the rows ``picks`` ((…), there) with all rows, as a flat array of (…, n), at ``near``: an
        index from `where`, or an array of rows."""
        vector = self.features[picks]
        if len(near) > GATHERED * len(self.features):
            return (self.features @ vector)[near]
        return self.features[near] @ vector

    def image_lengths(self, matrix: Any) -> Any:
        """(n,) ‖Ax‖² of every row, there, for ``matrix`` A ((k, d), there)."""
        return squared_norms(self.features @ matrix.T)

    def quadratic(self, matrix: Any) -> Any:
        """(n,) xᵀAx of every row, there, for a symmetric ``matrix`` A ((d, d), there), of which half is multiplied."""
        n, d = self.features.shape
        total = np.zeros(n, np.float32)
        width = max(STRIP, d // 8)
        for first in range(0, d, width):
            stop = min(first + width, d)
            strip = matrix[:stop, first:stop].copy()
            strip[:first] *= 2
            for block in blocks(n, width):
                own = self.features[block]
                total[block] += np.einsum("ij,ij->i", own[:, :stop] @ strip, own[:, first:stop])
        return total

    def gram(self, weights: Any) -> Any:
        """(d, d) float64 Σ weightᵢ xᵢxᵢᵀ, there; ``weights`` is (n,), ≥ 0, here or there."""
        d = self.features.shape[1]
        total = np.zeros((d, d))
        roots = np.sqrt(weights)
        for block in blocks(len(roots), d):
            scaled = self.features[block] * roots[block, None]
            total += scaled.T @ scaled
        return total

    def nearest(self, centres: Any, norms: FloatArray) -> Any:
        """(n,) squared distance, there, of every row to the nearest of ``centres`` ((k, d), squared lengths
        ``norms``)."""
        products = self.features @ centres.T
        products *= -2
        products += norms
        nearest: FloatArray = products.min(axis=1)
        nearest += self.squared_norms
        return np.maximum(nearest, 0, out=nearest)

    def assign(self, centres: Any, rows: IntArray | None = None) -> tuple[IntArray, FloatArray, FloatArray]:
        """Nearest of ``centres`` ((k, d)) for each of ``rows`` or all; ties go to the lower centre.

        Returns:
            (r,) int64 labels, (r,) float32 scores ⟨x, c⟩ − ‖c‖²/2, half of ‖x‖² minus the squared distance, and (r,)
            those of the second nearest, −inf where there is none.
        """
        features = self.features if rows is None else self.features[rows]
        labels = np.empty(len(features), np.int64)
        scores, seconds = np.empty((2, len(features)), np.float32)
        half = squared_norms(centres) / 2
        for block in blocks(len(features), len(centres)):
            products = features[block] @ centres.T
            products -= half
            labels[block] = products.argmax(axis=1)
            own = np.arange(len(products)), labels[block]
            scores[block] = products[own]
            products[own] = -np.inf
            seconds[block] = products.max(axis=1)
        return labels, scores, seconds

    def offset_lengths(self, centres: Any, labels: IntArray) -> FloatArray:
        """(n,) squared distance of every row to that of ``centres`` ((k, d), there) which its label ((n,)) says."""
        return squared_norms(self.features - centres[labels])

    def farthest_first(self, bounds: FloatArray, order: IntArray, size: int) -> IntArray:
        """k-centre greedy: again and again the candidate farthest from its nearest centre; of equal ones the earlier.

        Distances only fall as centres are added, so an old distance is an upper bound. Only candidates whose bound tops
        the best distance found are brought up to date: the picks are those of the plain loop.

        Args:
            bounds: (…, m) float32 squared distance of every candidate to its nearest centre so far, there; changed.
            order: (…, m) int64 the candidates' rows, there.
            size: how many to pick, at most m.

        Returns:
            (…, size) int64 rows, there.
        """
        width = 256
        picks = np.empty(size, np.int64)
        done = 0
        while done < size:
            before = done
            if width < len(bounds):
                parted = np.argpartition(-bounds, width)
                active, rest = np.sort(parted[:width]), parted[width:]
                limit = bounds[parted[width]]
                first = rest[bounds[rest] == limit].min()
            else:
                active, limit, first = np.arange(len(bounds)), -np.inf, len(bounds)
            rows = order[active]
            near = Rows(self.features[rows], self.squared_norms[rows])
            current = bounds[active]
            if done:
                near.lower(current, self.features[picks[:done]], self.squared_norms[picks[:done]])
            while done < size:
                largest = current.max()
                best = int(current.argmax())
                if largest < limit or (largest == limit and active[best] > first) or largest == -np.inf:
                    break
                row = rows[best]
                picks[done] = row
                done += 1
                near.lower(current, self.features[row][None], self.squared_norms[row][None])
                current[best] = -np.inf
            bounds[active] = current
            if done == before:
                width *= 2
        return picks

    def lower(self, distances: Any, centres: Any, norms: FloatArray) -> None:
        """Lower ``distances`` ((n,) squared, there) to those to the nearest of ``centres``, as `nearest` has them."""
        self.xp.minimum(distances, self.nearest(centres, norms), out=distances)

    def sums(self, rows: IntArray, labels: IntArray, count: int) -> Any:
        """(count, d) float64, there, for each of ``count`` labels the sum of those of ``rows`` that carry it."""
        total = np.zeros((count, self.features.shape[1]))
        for label, members in enumerate(groups(labels, count)):
            if len(members):
                np.add.reduce(self.features[rows[members]], axis=0, dtype=np.float64, out=total[label])
        return total

    def mean_neighbour_distance(self, rows: IntArray, neighbours: int, *, squared: bool = False) -> Any:
        """(r,) mean Euclidean distance, there, of each of ``rows`` to its nearest others among them.

        Args:
            rows: (r,) int64.
            neighbours: how many, at least 1 and fewer than r.
            squared: the mean of the squared distances instead.
        """
        features, norms = self.features[rows], self.squared_norms[rows]
        means = np.empty(len(rows), np.float32)
        for block in blocks(len(rows), len(rows)):
            distances = norms[block, None] + norms - 2 * (features[block] @ features.T)
            own = np.arange(len(distances))
            distances[own, block.start + own] = np.inf
            nearest = np.maximum(np.partition(distances, neighbours - 1, axis=1)[:, :neighbours], 0)
            means[block] = (nearest if squared else np.sqrt(nearest)).mean(axis=1)
        return means

    def sampled_distance(self, rows: slice, step: int, k: int) -> FloatArray:
        """(r,) squared distance of each of ``rows`` to the one than which ``k`` are nearer, of every ``step``-th other
        row; +inf where there are no more than ``k``."""
        squared = self._distances(rows, slice(None, None, step))
        own = np.arange(-(-rows.start // step) * step, rows.stop, step)
        squared[own - rows.start, own // step] = np.inf
        return np.partition(squared, k, axis=1)[:, k].copy()

    def pairs(self, first: slice, second: slice, limits: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """All pairs of two rows, one from each slice, nearer than the squared limit ((n,)) of either, in order, and
        their squared distances."""
        squared = self._distances(first, second)
        if first == second:
            np.fill_diagonal(squared, np.inf)
        near = np.flatnonzero(squared < np.maximum(limits[first, None], limits[second]))
        one, other = np.divmod(near, squared.shape[1])
        return one + first.start, other + second.start, squared.ravel()[near]

    def within(self, rows: IntArray, limits: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """All pairs (position in ``rows``, other row) nearer than the position's squared limit ((r,)), in order, and
        their squared distances."""
        squared = self._distances(rows, slice(None))
        squared[np.arange(len(rows)), rows] = np.inf
        source, other = np.nonzero(squared < limits[:, None])
        return source, other, squared[source, other]

    def _distances(self, rows: IntArray | slice, others: IntArray | slice) -> FloatArray:
        """(r, o) squared distances."""
        squared: FloatArray = self.features[rows] @ self.features[others].T
        squared *= -2
        squared += self.squared_norms[rows, None]
        squared += self.squared_norms[others]
        return np.maximum(squared, 0, out=squared)


def groups(labels: IntArray, count: int) -> list[IntArray]:
    """For each of ``count`` labels the positions that carry it, ascending."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])
