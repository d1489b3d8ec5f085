"""What a head is to strategies and to the simulation, whatever its kind."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray

# Rows that a nonlinear head scores at once. Fixed, as BLAS may round differently for other shapes.
SCORED = 1024


@dataclass(frozen=True)
class Training:
    """How a head was fitted; the defaults are for what is computed in closed form.

    Attributes:
        C: inverse strength of the penalty, NaN for a head without one.
        iterations: steps that were taken.
        gradient_norm: where they ended.
        converged: whether they ended because there was no more to gain.
    """

    C: float = float("nan")
    iterations: int = 0
    gradient_norm: float = 0.0
    converged: bool = True


CLOSED_FORM = Training()


class Head(Protocol):
    """A fitted classifier on features as strategies see them."""

    @property
    def training(self) -> Training:
        """How it was fitted."""

    @property
    def class_count(self) -> int:
        """C, the task's classes."""

    @property
    def classes(self) -> IntArray:
        """(K,) int64, those with a label, ascending; the others have probability 0."""

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(n, C) float32 for ``features`` ((n, d)); columns are contiguous, rows are not."""


class Learner(Protocol):
    """The head of one run, fitted anew as labels come in."""

    def fit(self, rows: IntArray, labels: IntArray) -> Head:
        """The head for pool ``rows`` ((L,), in order of acquisition: those of the last call come first) with
        ``labels`` ((L,))."""


class Trainer(Protocol):
    """Makes the learners of a cell; holds what they share."""

    def learner(self, rng: np.random.Generator, C: float | None = None) -> Learner:
        """A learner that draws what it needs from ``rng``, and takes ``C`` where it would choose one."""

    def fit_many(
        self, learners: Sequence[Any], rows: Sequence[IntArray], labels: Sequence[IntArray]
    ) -> list[tuple[Head, float]]:
        """The head of each of its ``learners`` as `Learner.fit` says, and the seconds that it took: its share of them
        where heads are fitted together."""


class OneByOne:
    """A trainer whose learners each fit alone."""

    def fit_many(
        self, learners: Sequence[Learner], rows: Sequence[IntArray], labels: Sequence[IntArray]
    ) -> list[tuple[Head, float]]:
        """As `Trainer` says."""
        fitted = []
        for learner, own, answers in zip(learners, rows, labels, strict=True):
            started = time.perf_counter()
            head = learner.fit(own, answers)
            fitted.append((head, time.perf_counter() - started))
        return fitted


class Stateless(OneByOne):
    """A trainer that is its own learner: there is nothing to keep between fits, to draw or to choose."""

    def learner(self, rng: np.random.Generator, C: float | None = None) -> Self:
        """Itself."""
        return self


def spread_classes(columns: FloatArray, classes: IntArray, class_count: int) -> FloatArray:
    """(n, C) probabilities, columns contiguous, from those of the K classes seen ((K, n))."""
    if len(classes) == class_count:
        return columns.T
    full = np.zeros((class_count, columns.shape[1]), np.float32)
    full[classes] = columns
    return full.T
