"""What an embedding of a task looks like, with and without labels."""

import numpy as np

from nofreelunch.base.arrays import AnyFloatArray, Float64Array, IntArray
from nofreelunch.base.randomness import generator

ROWS = 2000
NEIGHBOURS = 10
# Rows nearer than this share of the largest distance are the same: float32 rows are rounded at 1e-7 of their length.
SAME = 1e-6
CLUSTERS = (2, 4, 8, 16, 32, 64)
LABEL_FREE = ["effective_rank", "intrinsic_dimension", "hubness", "anisotropy", "clusterability"]
LABELLED = ["knn_purity", "silhouette", "centroid_margin"]


def diagnose(features: AnyFloatArray, labels: IntArray | None) -> dict[str, float]:
    """Diagnostics of one embedding, on rows of length 1, so that its scale does not count.

    Args:
        features: (n, d). At most `ROWS` rows are looked at, drawn at random but always the same ones.
        labels: (n,), or None for the label-free diagnostics only, which are the same with labels.

    Returns:
        The names of `LABEL_FREE`, and of `LABELLED` where there are labels; NaN where one is undefined.
    """
    n = len(features)
    rows = np.sort(generator("diagnostics", n).permutation(n)[:ROWS])
    x = np.asarray(features[rows], dtype=np.float64)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    x = np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)
    distances = _distances(x)
    found = {
        "effective_rank": effective_rank(x),
        "intrinsic_dimension": intrinsic_dimension(distances),
        "hubness": hubness(distances),
        "anisotropy": float(np.linalg.norm(x.mean(axis=0)) ** 2),
        "clusterability": clusterability(x, distances),
    }
    if labels is not None:
        y = np.asarray(labels)[rows]
        found |= {
            "knn_purity": knn_purity(distances, y),
            "silhouette": silhouette(distances, y),
            "centroid_margin": centroid_margin(x, y),
        }
    return found


def knn_purity(distances: Float64Array, labels: IntArray) -> float:
    """Mean share of a row's `NEIGHBOURS` nearest other rows that have its label ((n, n), (n,))."""
    near = _nearest(distances, NEIGHBOURS)
    return float((labels[near] == labels[:, None]).mean())


def silhouette(distances: Float64Array, labels: IntArray) -> float:
    """Mean silhouette (Rousseeuw 1987) of the labels; NaN for one class, or one class per row."""
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(labels)) < len(labels):
        return float("nan")
    return float(silhouette_score(distances, labels, metric="precomputed"))


def centroid_margin(x: Float64Array, labels: IntArray) -> float:
    """Mean over rows of (b − a) / max(a, b): a, b the distances to the own and the nearest other class mean.

    The own mean is taken without the row itself; rows that are alone in their class are left out. NaN for one
    class.
    """
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 2:
        return float("nan")
    sums = np.zeros((len(names), x.shape[1]))
    np.add.at(sums, codes, x)
    means = sums / counts[:, None]
    squares = (x * x).sum(axis=1)[:, None] - 2 * x @ means.T + (means * means).sum(axis=1)
    gaps = np.sqrt(np.maximum(squares, 0))
    kept = counts[codes] > 1
    own = counts[codes] / np.maximum(counts[codes] - 1, 1) * gaps[np.arange(len(x)), codes]
    gaps[np.arange(len(x)), codes] = np.inf
    other = gaps.min(axis=1)
    scale = np.maximum(own, other)
    margin = np.divide(other - own, scale, out=np.zeros_like(scale), where=scale > 0)
    return float(margin[kept].mean()) if kept.any() else float("nan")


def effective_rank(x: Float64Array) -> float:
    """exp of the entropy of the singular values, scaled to sum 1, of the centred rows (Roy and Vetterli 2007)."""
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    if values.sum() <= 1e-9:
        return 1.0
    share = values / values.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def intrinsic_dimension(distances: Float64Array) -> float:
    """TwoNN (Facco et al. 2017), by maximum likelihood: n / Σ ln(r₂ / r₁).

    Rows that are the same but for rounding count once: their r₁ says nothing, nor do r₁ = r₂ of a row near both.
    """
    distances = _distinct(distances)
    if len(distances) < 3:
        return float("nan")
    others = distances + np.where(np.eye(len(distances), dtype=bool), np.inf, 0.0)
    first, second = np.partition(others, 1, axis=1)[:, :2].T
    usable = second > first
    if not usable.any():
        return float("nan")
    return float(usable.sum() / np.log(second[usable] / first[usable]).sum())


def _distinct(distances: Float64Array) -> Float64Array:
    """The ``distances`` ((n, n)) among the first of each set of rows that are equal but for rounding."""
    repeats = np.tril(distances <= SAME * distances.max(initial=0), -1).any(axis=1)
    return distances[np.ix_(~repeats, ~repeats)]


def hubness(distances: Float64Array) -> float:
    """Skewness of how often a row is among the `NEIGHBOURS` nearest of others (Radovanović et al. 2010)."""
    counts = np.bincount(_nearest(distances, NEIGHBOURS).ravel(), minlength=len(distances)).astype(np.float64)
    spread = counts.std()
    return float((((counts - counts.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def clusterability(x: Float64Array, distances: Float64Array) -> float:
    """The best silhouette of a k-means clustering into one of `CLUSTERS`; NaN for fewer than three distinct rows."""
    from sklearn.cluster import KMeans

    seed = int(generator("diagnostics", "k-means").integers(2**31))
    distinct = len(np.unique(x, axis=0))
    scores = [
        silhouette(distances, KMeans(clusters, n_init=1, random_state=seed).fit_predict(x))
        for clusters in CLUSTERS
        if clusters < distinct
    ]
    return max(scores, default=float("nan"))


def _distances(x: Float64Array) -> Float64Array:
    squares = (x * x).sum(axis=1)
    gaps = np.sqrt(np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0))
    np.fill_diagonal(gaps, 0)
    return np.asarray(gaps)


def _nearest(distances: Float64Array, count: int) -> IntArray:
    n = len(distances)
    others = distances + np.where(np.eye(n, dtype=bool), np.inf, 0.0)
    return np.argsort(others, axis=1, kind="stable")[:, : min(count, n - 1)]
