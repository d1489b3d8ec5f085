"""What every query strategy promises: a legal batch for any request, the same for the same generator, by looking only.

The requests are small and awkward, with a really fitted head. Tests run all built-in strategies through them, and
``python -m nofreelunch try`` a strategy of your own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.outside import call
from nofreelunch.heads import softmax
from nofreelunch.heads.linear import LinearHead
from nofreelunch.selection.guard import checked
from nofreelunch.selection.query import OracleQuery, Query, Strategy
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.rows import Rows, squared_norms

PENALTY = 100.0


def blobs(n: int, d: int, classes: int, seed: int = 0, spread: float = 0.7) -> tuple[FloatArray, IntArray]:
    """Rows of length 1 around one centre per class ((n, d) float32), and their labels ((n,))."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    centres = rng.standard_normal((classes, d)) / np.sqrt(d)
    features = centres[labels] + spread * rng.standard_normal((n, d)) / np.sqrt(d)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), labels


def build(
    features: FloatArray,
    labels: IntArray,
    labelled: IntArray,
    batch: int,
    *,
    classes: int | None = None,
    candidates: IntArray | None = None,
    seed: int = 0,
) -> Query:
    """The request for ``batch`` rows when ``labelled`` carry their ``labels``; its arrays are read-only."""
    geometry = Geometry(features, squared_norms(features), "test", seed)
    head = _fit(features, labelled, labels[labelled], classes or int(labels.max()) + 1)
    if candidates is None:
        candidates = np.setdiff1d(np.arange(len(features)), labelled)
    query = Query(
        geometry=geometry,
        distances=LabelledDistances(geometry),
        labelled=labelled,
        labels=labels[labelled],
        candidates=candidates,
        head=head,
        scored=head.probabilities(features),
        batch_size=batch,
        rng=np.random.default_rng(seed),
    )
    for value in (query.features, *vars(query).values()):
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return query


def _fit(features: FloatArray, rows: IntArray, labels: IntArray, classes: int) -> LinearHead:
    basis = softmax.Basis.of(Rows(features))
    fitted = softmax.fit(basis.rotate(features[rows]), labels, PENALTY)
    return LinearHead(classes, fitted.classes, *fitted.unrotate(basis))


def with_truth(query: Query, truth: IntArray | None = None) -> OracleQuery:
    """The request as a reference gets it; by default the true labels are what the head says."""
    said = query.probabilities.argmax(axis=1) if truth is None else truth

    def refit(rows: IntArray, labels: IntArray) -> LinearHead:
        return _fit(query.features, rows, labels, query.head.class_count)

    return OracleQuery.of(query, said, refit)


def again(query: Query, seed: int = 0) -> Query:
    """The same request with a fresh generator and nothing remembered."""
    geometry = Geometry(query.features, query.geometry.squared_norms, "test", seed)
    return replace(query, geometry=geometry, distances=LabelledDistances(geometry), rng=np.random.default_rng(seed))


def typical(n: int = 120, d: int = 16, classes: int = 5, labelled: int = 30, batch: int = 12, seed: int = 0) -> Query:
    """A request on blobs in general position."""
    features, labels = blobs(n, d, classes, seed)
    rows = np.random.default_rng(seed + 1).choice(n, labelled, replace=False)
    return build(features, labels, rows, batch, classes=classes, seed=seed)


def _missing_classes() -> Query:
    features, labels = blobs(90, 8, 6)
    return build(features, labels, np.flatnonzero(labels < 2)[:12], 7, classes=6)


def _one_class() -> Query:
    features, labels = blobs(60, 8, 3)
    return build(features, labels, np.flatnonzero(labels == 1)[:5], 7, classes=3)


def _one_label() -> Query:
    features, labels = blobs(60, 8, 3)
    return build(features, labels, np.array([4]), 7, classes=3)


def _duplicates() -> Query:
    features, labels = blobs(12, 8, 3)
    return build(np.tile(features, (6, 1)), np.tile(labels, 6), np.arange(6), 30)


def _constant_features() -> Query:
    return build(np.full((50, 8), 0.35, np.float32), np.arange(50) % 3, np.arange(9), 10)


def _zero_rows() -> Query:
    features, labels = blobs(60, 8, 3)
    features[::4] = 0
    return build(features, labels, np.arange(12), 20)


def _all_zero() -> Query:
    return build(np.zeros((30, 8), np.float32), np.arange(30) % 3, np.arange(6), 10)


def _large_norms() -> Query:
    features, labels = blobs(80, 16, 4)
    return build(features * 30 + 5, labels, np.arange(15), 10)


def _some_candidates() -> Query:
    features, labels = blobs(90, 8, 4)
    return build(features, labels, np.arange(0, 20), 9, candidates=np.arange(21, 90, 3))


def _one_dimension() -> Query:
    features = np.random.default_rng(0).standard_normal((40, 1)).astype(np.float32)
    return build(features, (features[:, 0] > 0).astype(np.int64), np.arange(10), 8)


CASES: dict[str, Callable[[], Query]] = {
    "an ordinary request": typical,
    "classes without a label": _missing_classes,
    "one class labelled": _one_class,
    "one label": _one_label,
    "duplicates": _duplicates,
    "constant features": _constant_features,
    "zero rows": _zero_rows,
    "nothing but zero rows": _all_zero,
    "two classes": lambda: typical(classes=2, labelled=10),
    "150 classes": lambda: typical(n=500, d=12, classes=150, labelled=150, batch=40),
    "large norms": _large_norms,
    "a batch larger than what is left": lambda: typical(n=40, labelled=30, batch=25),
    "a batch of all that is left": lambda: typical(n=40, labelled=25, batch=15),
    "one candidate": lambda: typical(n=31, labelled=30, batch=5),
    "no candidate": lambda: typical(n=30, labelled=30, batch=5),
    "some rows are no candidates": _some_candidates,
    "one dimension": _one_dimension,
}


def pick(strategy: Strategy, query: Query, options: Mapping[str, Any], who: str = "it") -> IntArray:
    """The rows that ``strategy`` takes, checked.

    Raises:
        UserError: they are no legal batch.
    """
    asked = with_truth(query) if strategy.uses_truth else query
    return checked(strategy.select(asked, **options), query.candidates, len(query.features), query.batch_size, who)


def violations(strategy: Strategy, options: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """For each of CASES what the strategy does wrong in it, None where it does nothing wrong."""
    for name, case in CASES.items():
        yield name, _violation(strategy, options, case())


def _violation(strategy: Strategy, options: Mapping[str, Any], query: Query) -> str | None:
    try:
        rows = call(pick, strategy, query, options)
        if not np.array_equal(call(pick, strategy, again(query), options), rows):
            return "asked again with the same generator it picks other rows; draw from query.rng alone"
        later = replace(again(query), geometry=query.geometry, distances=query.distances)
        if not np.array_equal(call(pick, strategy, later, options), rows):
            return "asked again with the geometry's facts at hand it picks other rows"
    except UserError as error:
        return str(error)
    return None
