"""L2-regularised multinomial logistic regression: scikit-learn's optimum, several times faster on labelled sets.

The objective is scikit-learn's, C · Σ cross-entropy + ½‖W‖² with a free intercept; for two classes its binary form,
which equals the multinomial one at C / 2. L-BFGS (Nocedal & Wright 2006, algorithm 7.4) is helped by four things:

* the features are rotated once per embedding onto the pool's principal axes, which leaves the penalty as it is;
* the inverse Hessian starts, class by class, from the diagonal plus the rank-one part that the weighted mean of
  the class's uncertain rows contributes (Sherman–Morrison);
* scores are linear in the step, so a line search costs no matrix product;
* each round starts from the last round's weights.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from nofreelunch.device import place
from nofreelunch.heads.head import FloatArray, IntArray
from nofreelunch.heads.linear import LinearHead
from nofreelunch.rows import thin_product

HISTORY = 10
REFRESH = 10
MAX_ITERATIONS = 1000
FEW_CLASSES = 8


@dataclass(frozen=True)
class Basis:
    """The principal axes of a pool.

    Attributes:
        mean: (d,) float32.
        axes: (d, d) float32, orthonormal columns.
    """

    mean: FloatArray
    axes: FloatArray

    @classmethod
    def of(cls, features: FloatArray) -> Self:
        """The axes of ``features`` ((n, d) float32)."""
        mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        square = place(features).gram(np.ones(len(features), np.float32)) / len(features)
        covariance = (square - np.outer(mean, mean)).astype(np.float32)
        return cls(mean, np.ascontiguousarray(np.linalg.eigh(covariance)[1]))

    def rotate(self, features: FloatArray) -> FloatArray:
        """(n, d + 1) float32: rows in the axes' coordinates, then a column of ones for the intercept."""
        z = np.empty((len(features), len(self.mean) + 1), np.float32)
        np.matmul(features - self.mean, self.axes, out=z[:, :-1])
        z[:, -1] = 1
        return z


@dataclass(frozen=True)
class Fit:
    """A fitted head in rotated coordinates.

    Attributes:
        classes: (K,) int64, the classes that have a label, ascending.
        weights: (d + 1, K) float32, the intercept in the last row.
        iterations: how many L-BFGS steps it took.
    """

    classes: IntArray
    weights: FloatArray
    iterations: int

    def unrotate(self, basis: Basis) -> tuple[FloatArray, FloatArray]:
        """(K, d) coefficients and (K,) intercepts for features as they were before `Basis.rotate`."""
        coefficients = np.ascontiguousarray((basis.axes @ self.weights[:-1]).T)
        return coefficients, self.weights[-1] - coefficients @ basis.mean


class Trainer:
    """Logistic regression on one pool.

    Attributes:
        pool: (n, d) float32.
        class_count: the task's classes.
        C: inverse strength of the penalty.
        basis: the pool's.
    """

    def __init__(self, pool: FloatArray, class_count: int, C: float) -> None:
        self.pool, self.class_count, self.C, self.basis = pool, class_count, C, Basis.of(pool)

    def learner(self, rng: np.random.Generator) -> "Learner":
        """A learner; it draws nothing."""
        return Learner(self)


class Learner:
    """Fits each time from the last weights, and rotates each row once."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._rotated = np.empty((0, trainer.pool.shape[1] + 1), np.float32)
        self._fit: Fit | None = None

    def fit(self, rows: IntArray, labels: IntArray) -> LinearHead:
        """As the protocol says."""
        trainer = self._trainer
        new = trainer.basis.rotate(trainer.pool[rows[len(self._rotated) :]])
        self._rotated = np.concatenate([self._rotated, new])
        self._fit = fit(self._rotated, labels, trainer.C, self._fit)
        return LinearHead(trainer.class_count, self._fit.classes, *self._fit.unrotate(trainer.basis))


def fit(z: FloatArray, labels: IntArray, C: float, start: Fit | None = None, tol: float = 2e-4) -> Fit:
    """Fit to convergence: until two steps in a row move no score by more than ``tol``.

    Args:
        z: (n, d + 1) float32 from `Basis.rotate`.
        labels: (n,) int64.
        C: inverse strength of the penalty.
        start: a fit on fewer rows or classes to start from.
        tol: largest change of a score, in logits.
    """
    classes, targets = np.unique(labels, return_inverse=True)
    n, width = z.shape
    weights = np.zeros((width, len(classes)), np.float32)
    if start is not None:
        kept = np.isin(start.classes, classes)
        weights[:, np.searchsorted(classes, start.classes[kept])] = start.weights[:, kept]
    if len(classes) == 1:
        return Fit(classes, weights, 0)
    penalty = np.full((width, 1), 1 / (n * (C / 2 if len(classes) == 2 else C)), np.float32)
    penalty[-1] = 0
    squares = z * z
    scores = thin_product(z, weights)
    p = softmax(scores)
    hessian = _Hessian(z, squares, p, penalty)
    gradient = _gradient(z, p, targets, penalty, weights)
    history: list[tuple[FloatArray, FloatArray, np.float32]] = []
    calm, iteration = 0, 0
    while calm < 2 and iteration < MAX_ITERATIONS:
        iteration += 1
        direction = _direction(gradient, history, hessian)
        moves = thin_product(z, direction)
        step, scores, p = _line_search(scores, moves, targets, penalty * direction, weights, direction, not history)
        change = step * direction
        weights += change
        before, gradient = gradient, _gradient(z, p, targets, penalty, weights)
        if iteration % REFRESH == 0:
            hessian = _Hessian(z, squares, p, penalty)
        difference = gradient - before
        curvature = np.vdot(change, difference)
        if curvature > 0:
            history.append((change, difference, curvature))
            del history[:-HISTORY]
        calm = calm + 1 if step * np.abs(moves).max() <= tol else 0
    return Fit(classes, weights, iteration)


def softmax(scores: FloatArray) -> FloatArray:
    """Row-wise softmax of ``scores`` ((n, K))."""
    if scores.shape[1] < FEW_CLASSES:
        # NumPy reduces short rows slowly; down the columns it adds in the same order.
        columns = scores.T.copy()
        columns -= columns.max(axis=0)
        np.exp(columns, out=columns)
        columns /= columns.sum(axis=0)
        return columns.T.copy()
    p: FloatArray = scores - scores.max(axis=1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p


def _gradient(z: FloatArray, p: FloatArray, targets: IntArray, penalty: FloatArray, weights: FloatArray) -> FloatArray:
    """Of the objective divided by n · C."""
    rows = np.arange(len(z))
    residual = p.copy()
    residual[rows, targets] = 0
    residual[rows, targets] = -np.einsum("ij->i", residual)  # p − 1 would lose all digits of a confident row
    gradient = thin_product(z.T, residual)
    gradient /= np.float32(len(z))
    gradient += penalty * weights
    return gradient


class _Hessian:
    """Class-wise approximation: h_k (diag(v_k) + m_k m_kᵀ) + penalty, with h_k the mean of p(1−p) over the rows and
    m_k, v_k the mean and variance of the rows weighted by it."""

    def __init__(self, z: FloatArray, squares: FloatArray, p: FloatArray, penalty: FloatArray) -> None:
        uncertain = p - p * p
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
        result -= self.scaled_mean * ((self.mean * result).sum(axis=0) / self.denominator)
        return result


def _direction(
    gradient: FloatArray, history: list[tuple[FloatArray, FloatArray, np.float32]], hessian: _Hessian
) -> FloatArray:
    """The L-BFGS two-loop recursion; falls back to the preconditioned gradient where rounding spoils it."""
    q = -gradient
    alphas = []
    for change, difference, curvature in reversed(history):
        alpha = np.vdot(change, q) / curvature
        q -= alpha * difference
        alphas.append(alpha)
    q = hessian.solve(q)
    if history:
        _, difference, curvature = history[-1]
        q *= curvature / np.vdot(difference, hessian.solve(difference))
    for (change, difference, curvature), alpha in zip(history, reversed(alphas), strict=True):
        q += (alpha - np.vdot(difference, q) / curvature) * change
    if np.vdot(q, gradient) >= 0:
        history.clear()
        return hessian.solve(-gradient)
    return q


def _line_search(
    scores: FloatArray,
    moves: FloatArray,
    targets: IntArray,
    penalised: FloatArray,
    weights: FloatArray,
    direction: FloatArray,
    first: bool,
) -> tuple[np.float32, FloatArray, FloatArray]:
    """Safeguarded Newton on the convex objective along the line, on the (n, K) scores alone.

    Returns:
        the step, and the scores and probabilities there.
    """
    n = len(scores)
    relative = moves - moves[np.arange(n), targets][:, None]
    linear, quadratic = float(np.vdot(penalised, weights)), float(np.vdot(penalised, direction))
    t, low, high = 0.0 if first else 1.0, 0.0, np.inf
    for _ in range(10):
        there = scores + np.float32(t) * moves
        p = softmax(there)
        weighted = p * relative
        expected = np.einsum("ij->i", weighted)
        slope = float(expected.sum(dtype=np.float64)) / n + linear + t * quadratic
        bend = float(np.einsum("ij,ij->", weighted, relative) - expected @ expected) / n + quadratic
        low, high = (low, t) if slope > 0 else (t, high)
        new = t - slope / max(bend, 1e-30)
        if not low < new < high:
            new = 2 * t + 1 if high == np.inf else (low + high) / 2
        if abs(new - t) <= 0.1 * t:
            return np.float32(t), there, p
        t = min(new, 10 * t + 1)
    t = low or t
    there = scores + np.float32(t) * moves
    return np.float32(t), there, softmax(there)
