"""Facts about a pool that depend on its features alone: norms, clusterings, distances; for pools and strategies."""

import numpy as np
import numpy.typing as npt

from nofreelunch.randomness import generator

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

LLOYD_ITERATIONS = 20
BLOCK_BYTES = 64 * 2**20


class Geometry:
    """Label-free facts of one pool for one seed, each computed at first use and kept.

    Attributes:
        features: (n, d) float32.
        squared_norms: (n,) float32, ‖x‖² of every row.
    """

    def __init__(self, features: FloatArray, squared_norms: FloatArray, *names: str | int) -> None:
        self.features = features
        self.squared_norms = squared_norms
        self._names = names
        self._clusterings: dict[int, IntArray] = {}

    def clustering(self, count: int) -> IntArray:
        """(n,) int64 k-means labels for ``count`` clusters; the same for every run of the cell with this seed."""
        if count not in self._clusterings:
            rng = generator(*self._names, "k-means", count)
            self._clusterings[count] = kmeans(self.features, count, rng)[0]
        return self._clusterings[count]


def squared_norms(features: FloatArray) -> FloatArray:
    """(n,) float32 squared row lengths of ``features`` ((n, d))."""
    return np.einsum("ij,ij->i", features, features)


class LabelledDistances:
    """Squared distance of every pool row to its nearest labelled row, kept between the rounds of one run."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._seen: IntArray = np.empty(0, np.int64)
        self._distances = np.full(len(geometry.features), np.inf, np.float32)

    def to(self, labelled: IntArray) -> FloatArray:
        """(n,) float32, +inf where nothing is labelled. A copy, free to change."""
        seen = len(self._seen)
        if not np.array_equal(labelled[:seen], self._seen):
            self._distances.fill(np.inf)
            seen = 0
        update_nearest(self._distances, self._geometry, labelled[seen:])
        self._seen = labelled.copy()
        return self._distances.copy()


def update_nearest(distances: FloatArray, geometry: Geometry, centres: IntArray) -> None:
    """Lower ``distances`` ((n,) squared, changed in place) to the nearest of the rows ``centres``."""
    features, norms = geometry.features, geometry.squared_norms
    width = max(1, BLOCK_BYTES // (4 * max(1, len(features))))
    for first in range(0, len(centres), width):
        block = centres[first : first + width]
        products = features[block] @ features.T
        products *= -2
        products += norms[block, None]
        nearest = products.min(axis=0)
        nearest += norms
        np.minimum(distances, np.maximum(nearest, 0, out=nearest), out=distances)
    distances[centres] = 0


def kmeans(features: FloatArray, count: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Lloyd's algorithm from k-means++ seeds.

    A cluster that runs empty takes the point farthest from its centre. Stops when no label changes, or after
    LLOYD_ITERATIONS.

    Args:
        features: (n, d) float32.
        count: number of clusters; at most n are made.
        rng: draws the seeds.

    Returns:
        (n,) int64 labels in 0..count-1 and (count, d) float32 centres.
    """
    count = min(count, len(features))
    norms = squared_norms(features)
    centres = features[kmeans_plus_plus(features, norms, count, rng)]
    labels = np.full(len(features), -1)
    for _ in range(LLOYD_ITERATIONS):
        new, distances = assign(features, norms, centres)
        _fill_empty(new, distances, count)
        if np.array_equal(new, labels):
            break
        labels = new
        centres = cluster_means(features, labels, count)
    return labels, centres


def kmeans_plus_plus(features: FloatArray, norms: FloatArray, count: int, rng: np.random.Generator) -> IntArray:
    """``count`` distinct seed rows by D² sampling (Arthur & Vassilvitskii 2007).

    Duplicates of chosen rows have weight 0; where nothing else is left, unchosen rows follow in order.
    """
    chosen = np.empty(count, np.int64)
    free = np.ones(len(features), bool)
    distances = np.full(len(features), np.inf, np.float32)
    for i in range(count):
        row = int(rng.integers(len(features))) if i == 0 else draw(distances, rng)
        if not free[row]:
            row = int(np.argmax(free))
        chosen[i] = row
        free[row] = False
        update = norms + (norms[row] - 2 * (features @ features[row]))
        np.minimum(distances, np.maximum(update, 0, out=update), out=distances)
        distances[row] = 0
    return chosen


def draw(weights: npt.NDArray[np.floating], rng: np.random.Generator) -> int:
    """One index with probability proportional to ``weights`` ((n,), ≥ 0); uniform where all are 0."""
    total = np.cumsum(weights, dtype=np.float64)
    if total[-1] <= 0:
        return int(rng.integers(len(weights)))
    row = int(np.searchsorted(total, rng.random() * total[-1], side="right"))
    return min(row, len(weights) - 1)


def assign(features: FloatArray, norms: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """(n,) int64 nearest centre of every row and (n,) float32 squared distance to it; ties go to the lower centre."""
    labels = np.empty(len(features), np.int64)
    distances = np.empty(len(features), np.float32)
    half = squared_norms(centres) / 2
    height = max(1, BLOCK_BYTES // (4 * len(centres)))
    for first in range(0, len(features), height):
        block = slice(first, first + height)
        scores = features[block] @ centres.T
        scores -= half
        labels[block] = scores.argmax(axis=1)
        distances[block] = norms[block] - 2 * scores[np.arange(len(scores)), labels[block]]
    return labels, np.maximum(distances, 0)


def cluster_means(features: FloatArray, labels: IntArray, count: int) -> FloatArray:
    """(count, d) float32 mean of the rows of each label; every label must occur."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels, minlength=count)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    sums = np.add.reduceat(features[order], starts, axis=0)
    means: FloatArray = sums / sizes[:, None].astype(np.float32)
    return means


def _fill_empty(labels: IntArray, distances: FloatArray, count: int) -> None:
    sizes = np.bincount(labels, minlength=count)
    for cluster in np.flatnonzero(sizes == 0):
        movable = np.where(sizes[labels] > 1, distances, -1)
        row = int(np.argmax(movable))
        sizes[labels[row]] -= 1
        labels[row] = cluster
        distances[row] = 0
        sizes[cluster] = 1


def mean_neighbour_distance(features: FloatArray, neighbours: int) -> FloatArray:
    """(n,) float32 mean Euclidean distance of each row of ``features`` ((n, d)) to its nearest other rows.

    Args:
        features: float32.
        neighbours: how many, at least 1 and fewer than n.
    """
    norms = squared_norms(features)
    means = np.empty(len(features), np.float32)
    height = max(1, BLOCK_BYTES // (4 * len(features)))
    for first in range(0, len(features), height):
        block = slice(first, first + height)
        squared = norms[block, None] + norms - 2 * (features[block] @ features.T)
        rows = np.arange(len(squared))
        squared[rows, first + rows] = np.inf
        nearest = np.partition(squared, neighbours - 1, axis=1)[:, :neighbours]
        means[block] = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
    return means
