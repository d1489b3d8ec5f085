"""What an embedding of a task looks like, with and without labels, and which of it explains what is gained."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from nofreelunch.evaluation.quality import SITE
from nofreelunch.randomness import generator

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ROWS = 2000
NEIGHBOURS = 10
LABEL_FREE = ["effective_rank", "intrinsic_dimension", "hubness", "anisotropy", "clusterability"]
LABELLED = ["knn_purity", "silhouette", "centroid_margin"]


def diagnose(features: npt.NDArray[np.floating], labels: IntArray | None, classes: int) -> dict[str, float]:
    """Diagnostics of one embedding, on rows of length 1, so that its scale does not count.

    Args:
        features: (n, d). At most `ROWS` rows are looked at, drawn at random but always the same ones.
        labels: (n,), or None for the label-free diagnostics only.
        classes: the number of classes, or a guess: the number of clusters of `clusterability`.

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
        "clusterability": _clusterability(x, distances, classes),
    }
    if labels is not None:
        y = np.asarray(labels)[rows]
        found |= {
            "knn_purity": knn_purity(distances, y),
            "silhouette": silhouette(distances, y),
            "centroid_margin": centroid_margin(x, y),
        }
    return found


def knn_purity(distances: FloatArray, labels: IntArray) -> float:
    """Mean share of a row's `NEIGHBOURS` nearest other rows that have its label ((n, n), (n,))."""
    near = _nearest(distances, NEIGHBOURS)
    return float((labels[near] == labels[:, None]).mean())


def silhouette(distances: FloatArray, labels: IntArray) -> float:
    """Mean silhouette (Rousseeuw 1987) of the labels; NaN for one class, or one class per row."""
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(labels)) < len(labels):
        return float("nan")
    return float(silhouette_score(distances, labels, metric="precomputed"))


def centroid_margin(x: FloatArray, labels: IntArray) -> float:
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


def effective_rank(x: FloatArray) -> float:
    """exp of the entropy of the singular values, scaled to sum 1, of the centred rows (Roy and Vetterli 2007)."""
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    if values.sum() <= 1e-9:
        return 1.0
    share = values / values.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def intrinsic_dimension(distances: FloatArray) -> float:
    """TwoNN (Facco et al. 2017), by maximum likelihood: n / Σ ln(r₂ / r₁) over rows with 0 < r₁ < r₂."""
    if len(distances) < 3:
        return float("nan")
    others = distances + np.where(np.eye(len(distances), dtype=bool), np.inf, 0.0)
    first, second = np.partition(others, 1, axis=1)[:, :2].T
    usable = (first > 1e-9) & (second > first)
    if not usable.any():
        return float("nan")
    return float(usable.sum() / np.log(second[usable] / first[usable]).sum())


def hubness(distances: FloatArray) -> float:
    """Skewness of how often a row is among the `NEIGHBOURS` nearest of others (Radovanović et al. 2010)."""
    counts = np.bincount(_nearest(distances, NEIGHBOURS).ravel(), minlength=len(distances)).astype(np.float64)
    spread = counts.std()
    return float((((counts - counts.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def explain(measures: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """How well each diagnostic, and all of them, foretell each outcome on a dataset that was left out.

    Both sides are centred within datasets, so that what is explained is the difference between embedders. One
    line is fitted per measure, and a ridge regression (λ = 1 per row, standardised measures) for all.

    Args:
        measures: dataset, embedder, measure, value.
        outcomes: dataset, embedder, outcome, value.

    Returns:
        outcome, measure ('all' for the ridge), n, slope (outcome per standard deviation of the measure; NaN for
        'all'), r2 (leave-one-dataset-out; ≤ 0 explains nothing, NaN for one dataset or an outcome that does not
        vary).
    """
    wide = measures.pivot(index=SITE, columns="measure", values="value").dropna(axis=1)
    x = _centred(wide)
    x = x.loc[:, x.std() > 1e-12]
    x = x / x.std(ddof=0)
    rows = []
    for outcome, part in outcomes.groupby("outcome", observed=True, sort=False):
        y = _centred(part.set_index(SITE)[["value"]].reindex(x.index))["value"]
        groups = x.index.get_level_values("dataset")
        for measure in x.columns:
            one = x[[measure]].to_numpy()
            slope = float(one[:, 0] @ y.to_numpy() / (one[:, 0] @ one[:, 0]))
            rows.append((outcome, measure, len(x), slope, _left_out(one, y.to_numpy(), groups, 0.0)))
        if x.shape[1]:
            rows.append((outcome, "all", len(x), np.nan, _left_out(x.to_numpy(), y.to_numpy(), groups, 1.0)))
    return pd.DataFrame(rows, columns=["outcome", "measure", "n", "slope", "r2"])


def _left_out(x: FloatArray, y: FloatArray, groups: pd.Index, penalty: float) -> float:
    names = groups.unique()
    if len(names) < 2 or not np.any(np.abs(y) > 1e-12):
        return float("nan")
    residual = 0.0
    for name in names:
        out = np.asarray(groups == name)
        gram = x[~out].T @ x[~out] + penalty * np.eye(x.shape[1])
        weights = np.linalg.lstsq(gram, x[~out].T @ y[~out], rcond=None)[0]
        residual += float(((y[out] - x[out] @ weights) ** 2).sum())
    return 1 - residual / float((y**2).sum())


def _centred(table: pd.DataFrame) -> pd.DataFrame:
    return table - table.groupby(level="dataset", observed=True).transform("mean")


def _distances(x: FloatArray) -> FloatArray:
    squares = (x * x).sum(axis=1)
    gaps = np.sqrt(np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0))
    np.fill_diagonal(gaps, 0)
    return np.asarray(gaps)


def _nearest(distances: FloatArray, count: int) -> IntArray:
    n = len(distances)
    others = distances + np.where(np.eye(n, dtype=bool), np.inf, 0.0)
    return np.argsort(others, axis=1, kind="stable")[:, : min(count, n - 1)]


def _clusterability(x: FloatArray, distances: FloatArray, classes: int) -> float:
    """Silhouette of a k-means clustering into as many clusters as there are classes, or distinct rows."""
    from sklearn.cluster import KMeans

    clusters = min(classes, len(np.unique(x, axis=0)))
    if clusters < 2:
        return float("nan")
    seed = int(generator("diagnostics", "k-means").integers(2**31))
    return silhouette(distances, KMeans(clusters, n_init=1, random_state=seed).fit_predict(x))
