"""A classifier with scikit-learn's interface as a head."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.outside import FAULTS
from nofreelunch.heads.head import SCORED, OneByOne, Training, spread_classes


@contextmanager
def _explained(classifier: Any, when: str) -> Iterator[None]:
    """Any fault of foreign code as one message."""
    try:
        yield
    except FAULTS as error:
        name = type(classifier).__name__
        raise UserError(f"the head {name} raises {type(error).__name__} as it {when}: {error}") from error


@dataclass(frozen=True)
class EstimatorHead:
    """A fitted classifier; of one class alone there is nothing to fit.

    Attributes:
        class_count: C, the task's classes.
        classes: (K,) int64, those with a label, ascending.
        fitted: None where K is 1.
        training: the steps that it took, and whether it said that it had converged.
    """

    class_count: int
    classes: IntArray
    fitted: Any
    training: Training

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(n, C) float32."""
        columns = np.ones((len(self.classes), len(features)), np.float32)
        for first in range(0, len(features) if self.fitted is not None else 0, SCORED):
            block = features[first : first + SCORED]
            with _explained(self.fitted, f"is asked about {len(block)} rows"):
                columns[:, first : first + SCORED] = np.asarray(self.fitted.predict_proba(block)).T
        if not np.isfinite(columns).all():
            raise UserError("the head's probabilities are not finite; scale the features or choose other options.")
        return spread_classes(columns, self.classes, self.class_count)


@dataclass(frozen=True)
class Trainer(OneByOne):
    """A kind of classifier on one pool.

    Attributes:
        pool: (n, d) float32.
        class_count: C of the task.
        make: from a seed, which is drawn for each run, to an instance that is not yet fitted.
        C: what a fit says of the strength of its penalty.
    """

    pool: FloatArray
    class_count: int
    make: Callable[[int], Any]
    C: float = float("nan")

    def learner(self, rng: np.random.Generator, C: float | None = None) -> "Learner":
        """As `heads.head` says; one seed is drawn for all fits of a run."""
        return Learner(self, int(rng.integers(2**31)))


@dataclass(frozen=True)
class Learner:
    """Fits anew each time."""

    trainer: Trainer
    seed: int

    def fit(self, rows: IntArray, labels: IntArray) -> EstimatorHead:
        """As `heads.head` says.

        Raises:
            UserError: the classifier raises anything.
        """
        trainer, classes = self.trainer, np.unique(labels)
        if len(classes) == 1:
            return EstimatorHead(trainer.class_count, classes, None, Training(trainer.C))
        made = trainer.make(self.seed)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with _explained(made, f"is fitted on {len(rows)} labels"):
                made.fit(trainer.pool[rows], labels)
                steps = int(np.max(getattr(made, "n_iter_", 0)))
        converged = not any(warning.category.__name__ == "ConvergenceWarning" for warning in said)
        training = Training(trainer.C, steps, converged=converged)
        return EstimatorHead(trainer.class_count, np.asarray(made.classes_), made, training)
