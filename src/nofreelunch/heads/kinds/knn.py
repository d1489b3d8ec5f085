"""k nearest neighbours: the labelled rows nearest to a row vote.

Of equally near rows those vote, and of classes with as many votes the one wins, that an order drawn for the run says.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.options import Count, NotNegative
from nofreelunch.heads.head import CLOSED_FORM, SCORED, OneByOne, Training, spread_classes
from nofreelunch.heads.section import Kind, Section
from nofreelunch.space.rows import Rows, squared_norms

# By how much more the votes for the class count that is preferred most.
PREFERENCE = np.float32(1e-4)


class KnnSpec(Section):
    """Votes of the nearest labelled rows.

    Attributes:
        neighbours: how many vote; all labelled rows where there are fewer.
        weights: each vote counts alike (``uniform``) or by 1 / distance (``distance``).
        smoothing: pseudo-votes shared out evenly among the classes that have a label; 0 lets a class without a vote
            have probability 0.
    """

    linear: ClassVar[bool] = False
    kind: Literal["knn"]
    neighbours: Count = 10
    weights: Literal["uniform", "distance"] = "distance"
    smoothing: NotNegative = 1.0


@dataclass(frozen=True)
class KnnHead:
    """The labelled rows and how they vote.

    Attributes:
        class_count: C, the task's classes.
        classes: (K,) int64, those with a label, ascending.
        features: (L, d) float32 labelled rows, in an order drawn for the run.
        targets: (L,) int64 positions in ``classes``.
        preferences: (K,) float32 factors near 1, all different, that tell classes with as many votes apart.
        neighbours: how many vote, at most L.
        by_distance: whether a vote counts 1 / distance.
        smoothing: pseudo-votes shared out among the K classes.
        training: nothing is fitted.
    """

    class_count: int
    classes: IntArray
    features: FloatArray
    targets: IntArray
    preferences: FloatArray
    neighbours: int
    by_distance: bool
    smoothing: float
    training: Training = CLOSED_FORM

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(n, C) float32."""
        columns = np.empty((len(self.classes), len(features)), np.float32)
        norms = squared_norms(self.features)
        for first in range(0, len(features), SCORED):
            block = features[first : first + SCORED]
            squared = norms - 2 * (block @ self.features.T) + squared_norms(block)[:, None]
            columns[:, first : first + SCORED] = self._votes(np.maximum(squared, 0)).T
        return spread_classes(columns, self.classes, self.class_count)

    def _votes(self, squared: FloatArray) -> FloatArray:
        """(r, K) shares of the votes of the nearest among (r, L) squared distances."""
        k, rows = self.neighbours, np.arange(len(squared))[:, None]
        nearest = np.argpartition(squared, k - 1, axis=1)[:, :k]
        weights = np.ones((len(squared), k), np.float32)
        if self.by_distance:
            # An equal row outvotes all others.
            weights = np.maximum(squared[rows, nearest], np.float32(1e-12)) ** np.float32(-0.5)
            weights *= k / weights.sum(axis=1, keepdims=True)
        votes = np.zeros((len(squared), len(self.classes)), np.float32)
        np.add.at(votes, (rows, self.targets[nearest]), weights)
        votes += np.float32(self.smoothing / len(self.classes))
        votes *= self.preferences
        votes /= votes.sum(axis=1, keepdims=True)
        return votes


class Trainer(OneByOne):
    """k nearest neighbours on one pool."""

    def __init__(self, rows: Rows, class_count: int, *, neighbours: int, weights: str, smoothing: float) -> None:
        self.pool, self.class_count = rows.features, class_count
        self.neighbours, self.by_distance, self.smoothing = neighbours, weights == "distance", smoothing

    def learner(self, rng: np.random.Generator, C: float | None = None) -> "Learner":
        """A learner that prefers rows and classes in an order drawn from ``rng``."""
        return Learner(self, rng.permutation(len(self.pool)), rng.permutation(self.class_count))


class Learner:
    """What tells equally near rows ((n,) ranks) and classes with as many votes ((C,) ranks) apart."""

    def __init__(self, trainer: Trainer, row_ranks: IntArray, class_ranks: IntArray) -> None:
        self._trainer, self._row_ranks = trainer, row_ranks
        self._preferences = 1 + PREFERENCE * (class_ranks / len(class_ranks)).astype(np.float32)

    def fit(self, rows: IntArray, labels: IntArray) -> KnnHead:
        """As `heads.head` says."""
        trainer = self._trainer
        order = np.argsort(self._row_ranks[rows])
        classes, targets = np.unique(labels[order], return_inverse=True)
        return KnnHead(
            trainer.class_count,
            classes,
            trainer.pool[rows[order]],
            targets,
            self._preferences[classes],
            min(trainer.neighbours, len(rows)),
            trainer.by_distance,
            trainer.smoothing,
        )


ENTRY = Kind(KnnSpec, Trainer)
