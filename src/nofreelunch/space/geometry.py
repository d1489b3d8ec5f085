"""Facts about a pool that depend on its features alone: norms, clusterings, distances; for pools and strategies."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from nofreelunch.base.arrays import BoolArray, FloatArray, IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.space.device import place
from nofreelunch.space.rows import Rows, blocks, squared_norms, unit_rows

T = TypeVar("T")

LLOYD_ITERATIONS = 20
PROPOSALS = 64
FEW_MOVED = 0.9
ROUNDING = 1e-5


class Geometry:
    """Label-free facts of one pool for one seed, each computed at first use and kept.

    Attributes:
        features: (n, d) float32.
        squared_norms: (n,) float32, ‖x‖² of every row.
        shared: what follows from the features alone, kept for all seeds by whoever passes the same dict for each.
    """

    def __init__(
        self,
        features: FloatArray,
        squared_norms: FloatArray,
        *names: str | int,
        shared: dict[Hashable, Any] | None = None,
    ) -> None:
        self.features = features
        self.squared_norms = squared_norms
        self.shared = {} if shared is None else shared
        self._names = names
        self._facts: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The fact called ``key``, computed at the first call for this seed and kept."""
        return _kept(self._facts, key, compute)

    def once_for_all(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The fact called ``key``, computed at the first call for any seed and kept."""
        return _kept(self.shared, key, compute)

    @property
    def rows(self) -> Rows:
        """The features where their products are computed, placed there once for all seeds."""
        return self.once_for_all("rows", lambda: place(self.features, self.squared_norms))

    def clustering(self, count: int) -> IntArray:
        """(n,) int64 k-means labels for ``count`` clusters; the same for every run of the cell with this seed."""
        return self.once(
            ("k-means", count),
            lambda: kmeans(self.rows, count, generator(*self._names, "k-means", count))[0],
        )

    def unit(self) -> "Geometry":
        """The same pool with rows of length 1 (a zero row stays zero); itself where they have it already."""
        if np.abs(self.squared_norms - 1).max(initial=0) < 1e-5:
            return self
        return self.once("unit", self._scaled_to_unit)

    def _scaled_to_unit(self) -> "Geometry":
        features = self.once_for_all("unit rows", lambda: unit_rows(self.features))
        shared: dict[Hashable, Any] = self.once_for_all("unit", dict)
        return Geometry(features, squared_norms(features), *self._names, "unit", shared=shared)


def _kept(facts: dict[Hashable, Any], key: Hashable, compute: Callable[[], T]) -> T:
    if key not in facts:
        facts[key] = compute()
    fact: T = facts[key]
    return fact


class LabelledDistances:
    """Squared distance of every pool row to its nearest labelled row, kept between the rounds of one run."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._seen: IntArray = np.empty(0, np.int64)
        self._distances: Any = None

    def to(self, labelled: IntArray) -> Any:
        """(n,) float32, where the products are computed; +inf where nothing is labelled. A copy, free to change."""
        rows, seen = self._geometry.rows, len(self._seen)
        if self._distances is None or not np.array_equal(labelled[:seen], self._seen):
            self._distances = rows.up(np.full(len(self._geometry.features), np.inf, np.float32))
            seen = 0
        update_nearest(self._distances, rows, labelled[seen:])
        self._seen = labelled.copy()
        return rows.xp.asarray(self._distances, copy=True)


def update_nearest(distances: Any, rows: Rows, centres: IntArray) -> None:
    """Lower ``distances`` ((n,) squared, there, changed in place) to the nearest of the ``rows`` at ``centres``."""
    for block in blocks(len(centres), len(distances)):
        chosen = centres[block]
        rows.lower(distances, rows.take(chosen), rows.squared_norms[chosen])
    distances[rows.up(centres)] = 0


def farthest_first(geometry: Geometry, distances: Any, candidates: IntArray, size: int) -> IntArray:
    """`Rows.farthest_first` among ``candidates`` ((m,)) for one run, from ``distances`` ((n,) squared) of every row,
    here or there."""
    rows, order = geometry.rows, geometry.rows.up(candidates)
    return rows.down(rows.farthest_first(rows.up(distances)[order], order, size))


def kmeans(rows: Rows, count: int, rng: np.random.Generator) -> tuple[IntArray, Any]:
    """Lloyd's algorithm from k-means++ seeds.

    A cluster that runs empty takes the point farthest from its centre, any of equally far ones. Stops when no label
    changes, or after LLOYD_ITERATIONS.

    Args:
        rows: the points.
        count: number of clusters; at most n are made.
        rng: draws the seeds.

    Returns:
        (n,) int64 labels in 0..count-1 and (count, d) float32 centres, where the products are computed.
    """
    norms = rows.squared_norms
    count = min(count, len(norms))
    seeds, labels, scores = kmeans_plus_plus(rows, count, rng)
    order = rng.permutation(len(norms))
    centres, others = rows.take(seeds), np.full(len(norms), np.inf, np.float32)
    _fill_empty(labels, norms, scores, others, count, order)
    sums = rows.sums(np.arange(len(norms)), labels, count)
    changed = np.ones(count, bool)
    for _ in range(LLOYD_ITERATIONS - 1):
        _move_means(rows, centres, sums, labels, changed)
        before = labels
        labels, scores, others = _reassign(rows, centres, changed, labels, scores, others)
        _fill_empty(labels, norms, scores, others, count, order)
        differ = np.flatnonzero(labels != before)
        if not len(differ):
            return labels, centres
        sums += rows.sums(differ, labels[differ], count) - rows.sums(differ, before[differ], count)
        changed = np.bincount(np.concatenate([labels[differ], before[differ]]), minlength=count) > 0
    _move_means(rows, centres, sums, labels, changed)
    return labels, centres


def _move_means(rows: Rows, centres: Any, sums: Any, labels: IntArray, changed: BoolArray) -> None:
    """Put each of ``centres`` ((k, d), there) whose cluster ``changed`` at the mean of its rows, of which ``sums`` are
    given; every label occurs."""
    moved, counts = rows.up(np.flatnonzero(changed)), rows.up(np.bincount(labels)[changed, None])
    centres[moved] = rows.xp.asarray(sums[moved] / counts, dtype=rows.xp.float32)


def medoids(rows: Rows, count: int, rng: np.random.Generator) -> IntArray:
    """For each of ``count`` k-means clusters the position of the row nearest its mean, ascending by cluster."""
    labels, centres = kmeans(rows, count, rng)
    order = np.lexsort((rows.offset_lengths(centres, labels), labels))
    firsts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    return order[firsts]


def kmeans_plus_plus(rows: Rows, count: int, rng: np.random.Generator) -> tuple[IntArray, IntArray, FloatArray]:
    """``count`` distinct seeds among ``rows`` by D² sampling (Arthur & Vassilvitskii 2007).

    Rows are proposed from distances that lag behind and accepted with probability true / lagging: the law is that of
    one draw after the other, with one product for many seeds. Duplicates of chosen rows have weight 0; where nothing
    else is left, any unchosen rows follow.

    Returns:
        (count,) int64 seeds, and what `Rows.assign` says of them: (n,) labels and (n,) best scores.
    """
    norms = rows.squared_norms
    n = len(norms)
    chosen: list[int] = []
    labels = np.zeros(n, np.int64)
    scores = np.full(n, -np.inf, np.float32)
    distances = np.empty(n, np.float32)

    def add(accepted: list[int]) -> None:
        nearest, best, _ = rows.assign(rows.take(np.array(accepted)))
        nearer = best > scores
        labels[nearer] = nearest[nearer] + len(chosen)
        np.maximum(scores, best, out=scores)
        np.maximum(norms - 2 * scores, 0, out=distances)
        chosen.extend(accepted)
        distances[chosen] = 0

    add([int(rng.integers(n))])
    while len(chosen) < count and distances.any():
        total = np.cumsum(distances, dtype=np.float64)
        proposed = np.searchsorted(total, rng.random(PROPOSALS) * total[-1], side="right")
        proposed = np.minimum(proposed, n - 1)
        thresholds = rng.random(PROPOSALS) * distances[proposed]
        near = Rows(rows.down(rows.take(proposed)), norms[proposed])
        nearest = distances[proposed]
        accepted: list[int] = []
        for i, row in enumerate(proposed):
            if thresholds[i] < nearest[i] and len(chosen) + len(accepted) < count:
                accepted.append(int(row))
                near.lower(nearest, near.features[i][None], near.squared_norms[i][None])
                nearest[proposed == row] = 0
        add(accepted)
    left = np.setdiff1d(np.arange(n), chosen)
    others = rng.choice(left, count - len(chosen), replace=False) if len(chosen) < count else left[:0]
    return np.concatenate([np.array(chosen, np.int64), others]), labels, scores


def _reassign(
    rows: Rows, centres: Any, moved: BoolArray, labels: IntArray, scores: FloatArray, others: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """`Rows.assign` after some centres moved; ``others`` bounds from above the scores of all but a row's own centre.

    All rows look at the centres that moved, and at the others only where the best of these does not top the bound.
    """
    if moved.mean() > FEW_MOVED:
        return rows.assign(centres)
    nearest, best, second = rows.assign(centres[rows.up(np.flatnonzero(moved))])
    own_moved = moved[labels]
    taken = own_moved | (best > scores)
    again = np.flatnonzero(own_moved & (best <= others))
    # The centre that a row leaves moves by that, and is looked at next time.
    others = np.maximum(others, np.where(taken, second, best))
    labels = np.where(taken, np.flatnonzero(moved)[nearest], labels)
    scores = np.where(taken, best, scores)
    if len(again):
        labels[again], scores[again], others[again] = rows.assign(centres, again)
    return labels, scores, others


def _fill_empty(
    labels: IntArray, norms: FloatArray, scores: FloatArray, others: FloatArray, count: int, order: IntArray
) -> None:
    """Give each of ``count`` clusters without a row the one farthest from its centre; of equally far ones the first in
    ``order`` ((n,))."""
    sizes = np.bincount(labels, minlength=count)
    for cluster in np.flatnonzero(sizes == 0):
        distances = norms - 2 * scores
        # Rows at their centre are equally far from it, whatever the rounding of a product.
        distances[distances < ROUNDING * norms] = 0
        distances[sizes[labels] <= 1] = -np.inf
        row = int(order[distances[order].argmax()])
        sizes[labels[row]] -= 1
        labels[row] = cluster
        others[row] = max(others[row], scores[row])
        sizes[cluster] = 1
