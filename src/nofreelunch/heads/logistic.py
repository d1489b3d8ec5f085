"""Logistic regression as a head: the solver's optimum for a given C, or for one that cross-validation chooses."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.heads import cross_validation
from nofreelunch.heads.head import OneByOne, Training
from nofreelunch.heads.linear import LinearHead
from nofreelunch.heads.softmax import Basis, Fit, Intercept, fit
from nofreelunch.space.rows import Rows


class Trainer(OneByOne):
    """Logistic regression on one pool.

    Attributes:
        rows: the pool.
        class_count: the task's classes.
        C: inverse strength of the penalty; None: `cross_validation` chooses it.
        basis: the pool's.
    """

    def __init__(self, rows: Rows, class_count: int, *, C: float | str, intercept: Intercept) -> None:
        self.rows, self.class_count = rows, class_count
        self.C = None if isinstance(C, str) else C
        self.basis = Basis.of(rows, intercept)

    def learner(self, rng: np.random.Generator, C: float | None = None) -> "Learner":
        """As `heads.head` says; what is drawn deals rows to folds."""
        return Learner(self, int(rng.integers(2**63)), C or self.C)


class Learner:
    """Fits each time from the last weights, and rotates each row once.

    Where C is to be chosen it is chosen at the first fit that has labels enough, and again whenever their number has
    grown by half; until then it is `cross_validation.PRIOR`.
    """

    def __init__(self, trainer: Trainer, key: int, C: float | None) -> None:
        self._trainer, self._key = trainer, key
        self._rotated = np.empty((0, trainer.rows.features.shape[1] + 1), np.float32)
        self._fit: Fit | None = None
        self._choice = cross_validation.Choice(cross_validation.PRIOR if C is None else C, True)
        self._due: float = 0 if C is None else np.inf

    def fit(self, rows: IntArray, labels: IntArray) -> LinearHead:
        """As `heads.head` says."""
        trainer = self._trainer
        new = trainer.basis.rotate(trainer.rows.features[rows[len(self._rotated) :]])
        self._rotated = np.concatenate([self._rotated, new])
        free = trainer.basis.intercept == "free"
        if len(rows) >= self._due and cross_validation.feasible(labels):
            rng = np.random.default_rng([self._key, len(rows)])
            self._choice = cross_validation.choose(self._rotated, labels, rng, free=free)
            self._due = cross_validation.GROWTH * len(rows)
        fitted = self._fit = fit(self._rotated, labels, self._choice.C, self._fit, free=free)
        training = Training(
            self._choice.C, fitted.iterations, fitted.gradient_norm, fitted.converged and self._choice.converged
        )
        return LinearHead(trainer.class_count, fitted.classes, *fitted.unrotate(trainer.basis), training)
