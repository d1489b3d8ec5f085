"""Ridge regression on class indicators, with probabilities.

Scores are those of scikit-learn's ``Ridge`` on one-hot labels. Leave-one-out scores follow from the hat matrix
(Allen 1974), and the softmax is taken at the temperature that fits them best (Guo et al. 2017, without held-out rows).
"""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.base.options import Positive
from nofreelunch.heads.head import Stateless
from nofreelunch.heads.linear import LinearHead
from nofreelunch.heads.section import Kind, Section
from nofreelunch.space.rows import Rows

# Bounds on the logarithm of the inverse temperature.
COLDEST, HOTTEST = 8.0, -3.0


class RidgeSpec(Section):
    """Ridge regression on class indicators; probabilities by a softmax whose temperature leave-one-out scores set.

    Attributes:
        alpha: strength of the penalty, as in scikit-learn's ``RidgeClassifier``.
    """

    kind: Literal["ridge"]
    alpha: Positive = 1.0


class Trainer(Stateless):
    """Ridge regression on one pool."""

    def __init__(self, rows: Rows, class_count: int, *, alpha: float) -> None:
        self.pool, self.class_count, self.alpha = rows.features, class_count, alpha

    def fit(self, rows: IntArray, labels: IntArray) -> LinearHead:
        """As `heads.head` says."""
        classes, targets = np.unique(labels, return_inverse=True)
        features = self.pool[rows].astype(np.float64)
        centre, shares = features.mean(axis=0), np.bincount(targets) / len(rows)
        onehot = np.eye(len(classes))[targets]
        weights, left_out = solve(features - centre, onehot - shares, self.alpha)
        sharpness = _sharpness(left_out + shares, targets)
        coefficients = (sharpness * weights.T).astype(np.float32)
        intercepts = sharpness * (shares - centre @ weights)
        return LinearHead(self.class_count, classes, coefficients, intercepts.astype(np.float32))


def solve(features: Float64Array, targets: Float64Array, alpha: float) -> tuple[Float64Array, Float64Array]:
    """Weights ((d, K)) of ridge regression of centred ``targets`` ((n, K)) on centred ``features`` ((n, d)), and its
    predictions ((n, K)) of each row without that row."""
    n, d = features.shape
    if n < d:
        inverse = np.linalg.inv(features @ features.T + alpha * np.eye(n))
        weights = features.T @ (inverse @ targets)
        leverage = 1 - alpha * np.diag(inverse)
    else:
        inverse = np.linalg.inv(features.T @ features + alpha * np.eye(d))
        weights = inverse @ (features.T @ targets)
        leverage = ((features @ inverse) * features).sum(axis=1)
    residuals = targets - features @ weights
    # 1/n is the leverage of the mean, which centring took out.
    return weights, targets - residuals / np.maximum(1 - leverage - 1 / n, 1e-9)[:, None]


def _sharpness(scores: Float64Array, targets: IntArray) -> float:
    """The inverse temperature with the least cross-entropy of ``scores`` ((n, K)), within bounds."""
    if scores.shape[1] == 1:
        return 1.0
    own = scores[np.arange(len(scores)), targets].mean()
    relative = scores - scores.max(axis=1, keepdims=True)

    def slope(sharpness: float) -> float:
        p = np.exp(sharpness * relative)
        return float(((p * scores).sum(axis=1) / p.sum(axis=1)).mean() - own)

    low, high = HOTTEST, COLDEST
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(np.exp(middle)) > 0 else (middle, high)
    return float(np.exp((low + high) / 2))


ENTRY = Kind(RidgeSpec, Trainer)
