"""What a query strategy and a pool selection may see. Hidden labels and test rows are not among it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nofreelunch.geometry import Geometry

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Start:
    """One request for an initial pool. Nothing is labelled yet and there is no head.

    Attributes:
        features: (n, d) float32, the pool, scaled as the head sees it.
        geometry: facts about ``features`` that every run of the cell shares.
        size: how many rows to select, at most n.
        rng: the run's own generator.
    """

    features: FloatArray
    geometry: Geometry
    size: int
    rng: np.random.Generator


@dataclass(frozen=True)
class Query:
    """One request for a batch.

    Attributes:
        features: (n, d) float32, the whole pool, scaled as the head sees it.
        geometry: facts about ``features`` that every run of the cell shares.
        labelled: (L,) int64, rows labelled so far, in order of acquisition.
        labels: (L,) int64, the annotator's answers for ``labelled``; classes may be missing.
        candidates: (m,) int64, rows that may be picked, ascending, disjoint from ``labelled``.
        probabilities: (n, C) float32, the head's probabilities of every pool row; a class without a labelled
            row has probability 0. Columns are contiguous, rows are not.
        batch_size: how many rows to pick; where it exceeds m, all candidates are picked.
        rng: the run's own generator.
    """

    features: FloatArray
    geometry: Geometry
    labelled: IntArray
    labels: IntArray
    candidates: IntArray
    probabilities: FloatArray
    batch_size: int
    rng: np.random.Generator


# Keyword-only parameters after the first are the method's options, set in params.yaml.
PoolSelection = Callable[..., IntArray]
Strategy = Callable[..., IntArray]
Options = dict[str, Any]


def lowest(scores: npt.NDArray[Any], query: Query) -> IntArray:
    """The ``batch_size`` candidates with the lowest ``scores`` ((m,), one per candidate); ties go to the lower row."""
    order = np.argsort(scores, kind="stable")[: query.batch_size]
    return query.candidates[order]
