"""Requests with a really fitted head, from features and labels."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nofreelunch.heads import softmax
from nofreelunch.heads.linear import LinearHead
from nofreelunch.selection.query import OracleQuery, Query
from nofreelunch.space.geometry import Geometry, LabelledDistances, squared_norms

IntArray = npt.NDArray[np.int64]


def blobs(n: int, d: int, classes: int, seed: int = 0, spread: float = 0.7) -> tuple[npt.NDArray[np.float32], IntArray]:
    """Rows of length 1 around one centre per class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    centres = rng.standard_normal((classes, d)) / np.sqrt(d)
    features = centres[labels] + spread * rng.standard_normal((n, d)) / np.sqrt(d)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), labels


def build(
    features: npt.NDArray[np.float32],
    labels: IntArray,
    labelled: IntArray,
    batch: int,
    *,
    classes: int | None = None,
    candidates: IntArray | None = None,
    seed: int = 0,
) -> Query:
    """The request for ``batch`` rows when ``labelled`` carry their ``labels``."""
    geometry = Geometry(features, squared_norms(features), "test", seed)
    basis = softmax.Basis.of(features)
    fitted = softmax.fit(basis.rotate(features[labelled]), labels[labelled], 100.0)
    head = LinearHead(classes or int(labels.max()) + 1, fitted.classes, *fitted.unrotate(basis))
    if candidates is None:
        candidates = np.setdiff1d(np.arange(len(features)), labelled)
    return Query(
        features=features,
        geometry=geometry,
        distances=LabelledDistances(geometry),
        labelled=labelled,
        labels=labels[labelled],
        candidates=candidates,
        head=head,
        probabilities=head.probabilities(features),
        batch_size=batch,
        rng=np.random.default_rng(seed),
    )


def with_truth(query: Query, truth: IntArray | None = None) -> OracleQuery:
    """The request as the oracle gets it; by default the true labels are what the head says."""
    basis = softmax.Basis.of(query.features)
    said = query.probabilities.argmax(axis=1) if truth is None else truth

    def refit(rows: IntArray, labels: IntArray) -> LinearHead:
        fitted = softmax.fit(basis.rotate(query.features[rows]), labels, 100.0)
        return LinearHead(query.head.class_count, fitted.classes, *fitted.unrotate(basis))

    return OracleQuery(**vars(query), truth=said, refit=refit)


def again(query: Query, seed: int = 0) -> Query:
    """The same request with a fresh generator and nothing remembered."""
    geometry = Geometry(query.features, query.geometry.squared_norms, "test", seed)
    return replace(query, geometry=geometry, distances=LabelledDistances(geometry), rng=np.random.default_rng(seed))


def typical(n: int = 120, d: int = 16, classes: int = 5, labelled: int = 30, batch: int = 12, seed: int = 0) -> Query:
    """A request on blobs in general position."""
    features, labels = blobs(n, d, classes, seed)
    rows = np.random.default_rng(seed + 1).choice(n, labelled, replace=False)
    return build(features, labels, rows, batch, classes=classes, seed=seed)
