"""A network with one hidden layer of rectified units, fitted by L-BFGS on all labelled rows.

Minimises C · Σ cross-entropy + ½ (‖V‖² + ‖W‖²), V and W the weights of the two layers, biases free.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nofreelunch.base.arrays import Float64Array, FloatArray, IntArray
from nofreelunch.base.options import Count, Positive
from nofreelunch.heads.head import SCORED, OneByOne, Training, spread_classes
from nofreelunch.heads.section import Kind, Section
from nofreelunch.space.rows import Rows

Weights = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""(d, h) and (h,) of the hidden layer, (h, K) and (K,) of the output."""


class MlpSpec(Section):
    """A network with one hidden layer of rectified units, fitted anew in every round from the same initial weights.

    Attributes:
        hidden: units of the hidden layer.
        C: inverse strength of the penalty on the weights of both layers.
        iterations: at most so many steps of L-BFGS.
    """

    linear: ClassVar[bool] = False
    kind: Literal["mlp"]
    hidden: Count = 128
    C: Positive = 100.0
    iterations: Count = 200


@dataclass(frozen=True)
class MlpHead:
    """A fitted network.

    Attributes:
        class_count: C, the task's classes.
        classes: (K,) int64, those with a label, ascending.
        weights: of both layers.
        training: how it was fitted.
    """

    class_count: int
    classes: IntArray
    weights: Weights
    training: Training

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(n, C) float32."""
        columns = np.empty((len(self.classes), len(features)), np.float32)
        for first in range(0, len(features), SCORED):
            _, p = forward(self.weights, features[first : first + SCORED])
            columns[:, first : first + SCORED] = p.T
        return spread_classes(columns, self.classes, self.class_count)


def forward(weights: Weights, features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Activations of the hidden layer ((n, h)) and probabilities ((n, K))."""
    V, a, W, b = weights
    hidden: FloatArray = features @ V
    hidden += a
    np.maximum(hidden, 0, out=hidden)
    p: FloatArray = hidden @ W
    p += b
    p -= p.max(axis=1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return hidden, p


def objective(weights: Weights, features: FloatArray, targets: IntArray, C: float) -> tuple[float, Weights]:
    """The objective divided by n · C, and its gradient."""
    V, _, W, _ = weights
    n = np.float32(len(features))
    penalty = 1 / (n * np.float32(C))
    hidden, p = forward(weights, features)
    own = p[np.arange(len(p)), targets]
    loss = -np.log(np.maximum(own, np.finfo(np.float32).tiny), dtype=np.float64).mean()
    p[np.arange(len(p)), targets] -= 1
    p /= n
    back = p @ W.T
    back *= hidden > 0
    gradient = (features.T @ back + penalty * V, back.sum(axis=0), hidden.T @ p + penalty * W, p.sum(axis=0))
    return float(loss + penalty / 2 * (np.vdot(V, V) + np.vdot(W, W))), gradient


class Trainer(OneByOne):
    """Networks on one pool."""

    def __init__(self, rows: Rows, class_count: int, *, hidden: int, C: float, iterations: int) -> None:
        self.pool, self.class_count, self.hidden = rows.features, class_count, hidden
        self.C, self.iterations = C, iterations

    def learner(self, rng: np.random.Generator, C: float | None = None) -> "Learner":
        """A learner whose initial weights are drawn from ``rng`` (He et al. 2015), for all classes; C is not chosen."""
        d = self.pool.shape[1]
        V = rng.standard_normal((d, self.hidden), np.float32) * np.float32(np.sqrt(2 / d))
        W = rng.standard_normal((self.hidden, self.class_count), np.float32) * np.float32(np.sqrt(2 / self.hidden))
        return Learner(self, V, W)


class Learner:
    """Fits each time from the same initial weights, so that a head depends on the labelled rows alone."""

    def __init__(self, trainer: Trainer, V: FloatArray, W: FloatArray) -> None:
        self._trainer, self._V, self._W = trainer, V, W

    def fit(self, rows: IntArray, labels: IntArray) -> MlpHead:
        """As `heads.head` says."""
        from scipy.optimize import minimize

        trainer = self._trainer
        features = trainer.pool[rows]
        classes, targets = np.unique(labels, return_inverse=True)
        start = (
            self._V, np.zeros(trainer.hidden, np.float32), self._W[:, classes], np.zeros(len(classes), np.float32)
        )  # fmt: skip
        shapes = [part.shape for part in start]

        def value(flat: Float64Array) -> tuple[float, Float64Array]:
            loss, gradient = objective(_unflatten(flat, shapes), features, targets, trainer.C)
            return loss, _flatten(gradient)

        options = {"maxiter": trainer.iterations, "maxfun": 2 * trainer.iterations, "ftol": 1e-7, "gtol": 1e-6}
        found = minimize(value, _flatten(start), jac=True, method="L-BFGS-B", options=options)
        training = Training(trainer.C, int(found.nit), float(np.linalg.norm(found.jac)), bool(found.success))
        return MlpHead(trainer.class_count, classes, _unflatten(found.x, shapes), training)


def _flatten(weights: Weights) -> Float64Array:
    return np.concatenate([part.ravel() for part in weights]).astype(np.float64)


def _unflatten(flat: Float64Array, shapes: list[tuple[int, ...]]) -> Weights:
    bounds = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = np.split(flat.astype(np.float32), bounds)
    V, a, W, b = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
    return V, a, W, b


ENTRY = Kind(MlpSpec, Trainer)
