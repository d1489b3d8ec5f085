"""L2-regularised multinomial logistic regression: scikit-learn's optimum, several times faster on labelled sets.

The objective is scikit-learn's, C · Σ cross-entropy + ½‖W‖²; for two classes its binary form, which equals the
multinomial one at C / 2. The intercepts b are free, as there, or cost ½‖b‖² / INTERCEPT_VARIANCE whatever C is, or
there are none. Nonlinear conjugate gradients (Hestenes & Stiefel's β, never below 0; Nocedal
& Wright 2006, section 5.2) are helped by four things:

* the features are rotated once per embedding onto the pool's principal axes, which leaves the penalty as it is;
* the gradient is preconditioned, class by class, by the inverse of a diagonal plus the rank-one part that the weighted
  mean of the class's uncertain rows contributes (Sherman–Morrison);
* scores are linear in the step, so a line search costs no matrix product;
* each round starts from the last round's weights.

L-BFGS takes as many steps, but keeps ten pairs of vectors, with which each step takes half as long again.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.space.rows import Rows, thin_product

# Steps before which the preconditioner is computed anew: it changes most at first.
REFRESH_AT, REFRESH_EVERY = (1, 6, 12), 30
MAX_ITERATIONS = 1000
# A line search ends where so much of the slope is left.
SLOPE_LEFT = 0.1
# Scores from which on exp is kept from overflowing.
LARGE = 60
MAX_TRIALS = 50

# Of the normal prior on penalised intercepts: few labels hardly move them, many do (docs/head.md).
INTERCEPT_VARIANCE = 3.0

Intercept = Literal["free", "penalised", "none"]


@dataclass(frozen=True)
class Basis:
    """The principal axes of a pool.

    Attributes:
        mean: (d,) float32, the origin: the pool's mean under a free intercept, which makes up for it, else 0.
        axes: (d, d) float32, orthonormal columns.
        intercept: of the heads to be fitted.
    """

    mean: FloatArray
    axes: FloatArray
    intercept: Intercept

    @classmethod
    def of(cls, rows: Rows, intercept: Intercept = "free") -> Self:
        """The axes of ``rows`` about the origin."""
        mean = rows.features.mean(axis=0, dtype=np.float64).astype(np.float32)
        if intercept != "free":
            mean = np.zeros_like(mean)
        square = rows.down(rows.gram(np.ones(len(rows.features), np.float32))) / len(rows.features)
        moments = (square - np.outer(mean, mean)).astype(np.float32)
        axes = rows.down(rows.xp.linalg.eigh(rows.up(moments))[1])
        return cls(mean, np.ascontiguousarray(axes), intercept)

    def rotate(self, features: FloatArray) -> FloatArray:
        """(n, d + 1) float32: rows in the axes' coordinates, then a column of ones for the intercept, or of zeros where
        there is none."""
        z = np.empty((len(features), len(self.mean) + 1), np.float32)
        np.matmul(features - self.mean, self.axes, out=z[:, :-1])
        z[:, -1] = self.intercept != "none"
        return z


@dataclass(frozen=True)
class Fit:
    """A fitted head in rotated coordinates.

    Attributes:
        classes: (K,) int64, the classes that have a label, ascending.
        weights: (d + 1, K) float32, the intercept in the last row.
        iterations: how many steps it took.
        gradient_norm: Euclidean, of the objective divided by n · C (for two classes by n · C / 2).
        converged: whether it ended before MAX_ITERATIONS.
    """

    classes: IntArray
    weights: FloatArray
    iterations: int
    gradient_norm: float
    converged: bool

    def unrotate(self, basis: Basis) -> tuple[FloatArray, FloatArray]:
        """(K, d) coefficients and (K,) intercepts for features as they were before `Basis.rotate`."""
        coefficients = np.ascontiguousarray((basis.axes @ self.weights[:-1]).T)
        return coefficients, self.weights[-1] - coefficients @ basis.mean


def fit(
    z: FloatArray, labels: IntArray, C: float, start: Fit | None = None, tol: float = 1e-4, *, free: bool = True
) -> Fit:
    """Fit until two steps in a row move no score, less that of the row's label, by more than ``tol``; at most
    MAX_ITERATIONS steps.

    Args:
        z: (n, d + 1) float32 from `Basis.rotate`.
        labels: (n,) int64.
        C: inverse strength of the penalty.
        start: a fit on fewer rows or classes to start from, where it is better than no weights at all.
        tol: largest change of a score, in logits.
        free: whether the weights of the last column, the intercepts, cost nothing.
    """
    classes, targets = np.unique(labels, return_inverse=True)
    n, width = z.shape
    weights = np.zeros((width, len(classes)), np.float32)
    if start is not None:
        kept = np.isin(start.classes, classes)
        weights[:, np.searchsorted(classes, start.classes[kept])] = start.weights[:, kept]
    if len(classes) == 1:
        return Fit(classes, weights, 0, 0.0, True)
    penalty = np.full((width, 1), 1 / (n * (C / 2 if len(classes) == 2 else C)), np.float32)
    penalty[-1] *= 0 if free else C / INTERCEPT_VARIANCE
    squares = z * z
    own = np.arange(n) * len(classes) + targets
    scores = _less_own(thin_product(z, weights), own)
    residual = _residual(scores, own)
    if start is not None and _loss(scores, penalty, weights) > np.log(len(classes)):
        return fit(z, labels, C, None, tol, free=free)
    gradient = _gradient(z, residual, penalty, weights)
    direction = difference = np.zeros_like(gradient)
    calm, iteration = 0, 0
    while calm < 2 and iteration < MAX_ITERATIONS:
        iteration += 1
        if iteration in REFRESH_AT or iteration % REFRESH_EVERY == 0:
            hessian = _Hessian(z, squares, residual, penalty)
        descent = hessian.solve(gradient)
        along = float(np.vdot(direction, difference))
        beta = max(float(np.vdot(descent, difference)) / along, 0.0) if along > 0 else 0.0
        direction = np.float32(beta) * direction - descent
        slope = float(np.vdot(gradient, direction))
        if slope >= 0:
            direction, slope = -descent, -float(np.vdot(gradient, descent))
        moves = _less_own(thin_product(z, direction), own)
        penalised = penalty * direction
        quadratic = float(np.vdot(penalised, direction))
        step, scores, residual = _line_search(scores, residual, moves, own, slope, quadratic)
        weights += step * direction
        calm = calm + 1 if step * max(moves.max(), -moves.min()) <= tol else 0
        before, gradient = gradient, _gradient(z, residual, penalty, weights)
        difference = gradient - before
    return Fit(classes, weights, iteration, float(np.linalg.norm(gradient)), calm == 2)


def _less_own(scores: FloatArray, own: IntArray) -> FloatArray:
    """``scores`` ((n, K)) less that of each row's label, which is at ``own`` ((n,)) in the flat array."""
    less: FloatArray = scores - scores.reshape(-1)[own][:, None]
    return less


def _residual(scores: FloatArray, own: IntArray) -> FloatArray:
    """(n, K) p, less 1 for the label, with all digits of a confident row; ``scores`` are 0 for the label."""
    residual, label = scores, np.float32(1)
    if scores.max(initial=0) > LARGE:
        shift = np.maximum(scores.max(axis=1, keepdims=True), 0)
        residual, label = scores - shift, np.exp(-shift[:, 0])
    residual = np.exp(residual)
    flat = residual.reshape(-1)
    flat[own] = 0
    others = np.einsum("ij->i", residual)
    total = others + label
    residual /= total[:, None]
    flat[own] = -others / total
    return residual


def _loss(scores: FloatArray, penalty: FloatArray, weights: FloatArray) -> float:
    """The objective as `_gradient` scales it, by ``scores`` that are 0 for the label; log K where all weights are 0."""
    largest = scores.max(axis=1, keepdims=True)
    entropies = largest[:, 0] + np.log(np.exp(scores - largest).sum(axis=1))
    return float(entropies.mean() + 0.5 * np.vdot(penalty * weights, weights))


def _gradient(z: FloatArray, residual: FloatArray, penalty: FloatArray, weights: FloatArray) -> FloatArray:
    """Of the objective divided by n · C, or by n · C / 2 for two classes."""
    gradient = thin_product(z.T, residual)
    gradient /= np.float32(len(z))
    gradient += penalty * weights
    return gradient


class _Hessian:
    """Class-wise approximation: h_k (diag(v_k) + m_k m_kᵀ) + penalty, with h_k the mean of p(1−p) over the rows and
    m_k, v_k the mean and variance of the rows weighted by it."""

    def __init__(self, z: FloatArray, squares: FloatArray, residual: FloatArray, penalty: FloatArray) -> None:
        uncertain = np.abs(residual)
        uncertain -= uncertain * uncertain
        total = uncertain.sum(axis=0) + np.float32(1e-30)
        self.mean = thin_product(z.T, uncertain) / total
        variance = thin_product(squares.T, uncertain) / total - self.mean * self.mean
        np.maximum(variance, 1e-3 * self.mean * self.mean + 1e-6, out=variance)
        weight = total / np.float32(len(z))
        self.inverse = 1 / (weight * variance + penalty + np.float32(1e-12))
        self.scaled_mean = self.inverse * self.mean
        self.denominator = 1 / weight + (self.mean * self.scaled_mean).sum(axis=0)

    def solve(self, vector: FloatArray) -> FloatArray:
        """The inverse times ``vector`` ((d + 1, K)), by Sherman–Morrison."""
        result: FloatArray = vector * self.inverse
        result -= self.scaled_mean * (np.einsum("dk,dk->k", self.scaled_mean, vector) / self.denominator)
        return result


def _line_search(
    scores: FloatArray, residual: FloatArray, moves: FloatArray, own: IntArray, slope: float, quadratic: float
) -> tuple[np.float32, FloatArray, FloatArray]:
    """Safeguarded Newton on the convex objective along the line, on the (n, K) scores alone.

    Args:
        scores: (n, K) where the line starts.
        residual: (n, K) there.
        moves: (n, K) change of the scores by a step of 1.
        own: where the labels are in a flat array.
        slope: of the objective there, below 0.
        quadratic: second derivative of the penalty.

    Returns:
        a step at which at most SLOPE_LEFT of the slope is left, or the last of MAX_TRIALS, and the scores and residuals
        there.
    """
    n = len(scores)
    start = slope - float(np.vdot(residual, moves)) / n
    t, low, high = 0.0, 0.0, np.inf
    here = slope
    for _ in range(MAX_TRIALS):
        weighted = residual * moves
        expected = np.einsum("ij->i", weighted)
        # The difference row by row: of two sums over all rows it would be lost where rows are sure.
        variances = np.einsum("ij,ij->i", weighted, moves) - expected * expected
        bend = float(variances.sum()) / n + quadratic
        low, high = (t, high) if here < 0 else (low, t)
        t = min(t - here / max(bend, 1e-30), 10 * max(t, 1))
        if not low < t < high:
            t = (low + high) / 2 if low else high / 10
        there = moves * np.float32(t)
        there += scores
        residual = _residual(there, own)
        here = float(np.vdot(residual, moves)) / n + start + t * quadratic
        if abs(here) <= -SLOPE_LEFT * slope:
            break
    return np.float32(t), there, residual
