"""Linear discriminant analysis with a shrunk covariance (Friedman 1989; Ledoit & Wolf 2004)."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.heads.head import Stateless
from nofreelunch.heads.linear import LinearHead
from nofreelunch.heads.section import Kind, Section
from nofreelunch.space.rows import Rows


class LdaSpec(Section):
    """Linear discriminant analysis: Gaussian classes with one covariance, shrunk towards a multiple of the identity.

    Attributes:
        shrinkage: 0 < s ≤ 1, or ``auto`` for that of Ledoit & Wolf (2004).
    """

    kind: Literal["lda"]
    shrinkage: Annotated[float, Field(gt=0, le=1)] | Literal["auto"] = "auto"


class Trainer(Stateless):
    """Linear discriminant analysis on one pool."""

    def __init__(self, rows: Rows, class_count: int, *, shrinkage: float | str) -> None:
        self.pool, self.class_count, self.shrinkage = rows.features, class_count, shrinkage

    def fit(self, rows: IntArray, labels: IntArray) -> LinearHead:
        """As `heads.head` says. The priors are the classes' shares of the labels."""
        features = self.pool[rows].astype(np.float64)
        classes, targets, counts = np.unique(labels, return_inverse=True, return_counts=True)
        means = np.zeros((len(classes), features.shape[1]))
        np.add.at(means, targets, features)
        means /= counts[:, None]
        centre = features.mean(axis=0)
        # Scores compare classes, so that the common centre cancels; without it rounding matters less.
        offsets = means - centre
        coefficients = _precision_times(features - means[targets], features - centre, self.shrinkage, offsets)
        intercepts = np.log(counts / len(rows)) - (coefficients * (offsets / 2 + centre)).sum(axis=1)
        return LinearHead(self.class_count, classes, coefficients.astype(np.float32), intercepts.astype(np.float32))


def _precision_times(
    within: Float64Array, total: Float64Array, shrinkage: float | str, vectors: Float64Array
) -> Float64Array:
    """(K, d) ``vectors`` times the inverse of (1 − s) S + s tr(S)/d I, S the covariance of the rows ``within``.

    Args:
        within: (L, d) rows minus the mean of their class.
        total: (L, d) rows minus the mean of all: their variance stands in where each class has but one row.
        shrinkage: s, or ``auto``.
        vectors: (K, d).
    """
    n, d = within.shape
    variance = float((within**2).sum()) / (n * d)
    if variance <= 1e-12 * float((total**2).sum()) / (n * d):
        alike: Float64Array = vectors / max(float((total**2).sum()) / (n * d), 1e-12)
        return alike
    wide = n < d
    gram = (within @ within.T if wide else within.T @ within) / n
    s = ledoit_wolf(within, gram) if shrinkage == "auto" else float(shrinkage)
    ridge = max(s, 1e-6) * variance
    matrix = (1 - s) * gram
    matrix[np.diag_indices_from(matrix)] += ridge
    if not wide:
        solved: Float64Array = np.linalg.solve(matrix, vectors.T).T
        return solved
    # Woodbury: (ridge I + (1 − s)/n AᵀA)⁻¹ v = (v − (1 − s)/n Aᵀ (ridge I + (1 − s)/n AAᵀ)⁻¹ A v) / ridge.
    inner = np.linalg.solve(matrix, within @ vectors.T)
    product: Float64Array = (vectors - (1 - s) / n * (within.T @ inner).T) / ridge
    return product


def ledoit_wolf(centred: Float64Array, gram: Float64Array) -> float:
    """The shrinkage that minimises the expected squared error of the covariance of ``centred`` ((n, d)).

    ``gram`` is XᵀX/n or XXᵀ/n: both have the same Frobenius norm.
    """
    n, d = centred.shape
    squares = (centred**2).sum(axis=1)
    mean = squares.sum() / (n * d)
    norm = (gram**2).sum()
    distance = norm / d - mean**2
    error = ((squares**2).sum() / n - norm) / (n * d)
    return float(min(error, distance) / distance) if distance > 0 else 1.0


ENTRY = Kind(LdaSpec, Trainer)
