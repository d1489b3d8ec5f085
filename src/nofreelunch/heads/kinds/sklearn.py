"""Any classifier with scikit-learn's interface as a head, by its import path: scikit-learn's own, another package's, or
one of a Python file."""

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.outside import Outside, find, installed
from nofreelunch.heads.head import SCORED, OneByOne, Training, spread_classes
from nofreelunch.heads.section import Kind, Section
from nofreelunch.space.rows import Rows

GROUP = "nofreelunch.heads"


class EstimatorSpec(Section):
    """A classifier from outside.

    Attributes:
        estimator: ``package.module.Class``, ``file.py:Class``, or a name that an installed package offers under GROUP.
        options: arguments of its constructor. Where it takes ``random_state``, that is drawn for each run.
    """

    linear: ClassVar[bool] = False
    kind: Literal["sklearn"]
    estimator: str
    options: dict[str, Any] = Field(default_factory=dict)

    def outside(self) -> Outside:
        """The class.

        Raises:
            UserError: there is no such file or module.
        """
        return _found(self.estimator)

    @model_validator(mode="after")
    def _can_be_made(self) -> "EstimatorSpec":
        try:
            made = _made(self.outside(), self.options, 0)
        except UserError as error:
            raise ValueError(f"estimator: {error}") from error
        if not (hasattr(made, "fit") and hasattr(made, "predict_proba")):
            raise ValueError(
                f"estimator: '{self.estimator}' has no 'predict_proba' with these options; a head gives probabilities "
                "(sklearn.calibration.CalibratedClassifierCV makes them for others)"
            )
        return self


def _found(estimator: str) -> Outside:
    place = estimator
    if ":" not in place and not place.endswith(".py"):
        offered = installed(GROUP, place) if "." not in place else None
        module, _, name = place.rpartition(".")
        place = offered or f"{module}:{name}"
        if not offered and not module:
            raise UserError(f"'{estimator}' is no import path, as sklearn.linear_model.LogisticRegression is one.")
    return find(place, "Head")


def _made(outside: Outside, options: Mapping[str, Any], seed: int) -> Any:
    """An instance, not yet fitted.

    Raises:
        UserError: it cannot be made with these options.
    """
    kind = outside.load()
    if not callable(kind):
        raise UserError(f"'{outside.where}' is a {type(kind).__name__}, no class.")
    try:
        drawn = {"random_state": seed} if "random_state" in inspect.signature(kind).parameters else {}
        return kind(**(drawn | dict(options)))
    except Exception as error:
        raise UserError(f"'{outside.where}' cannot be made with {dict(options)}: {error}") from error


@contextmanager
def _explained(classifier: Any, when: str) -> Iterator[None]:
    """Any fault of foreign code as one message."""
    try:
        yield
    except Exception as error:
        name = type(classifier).__name__
        raise UserError(f"the head {name} raises {type(error).__name__} as it {when}: {error}") from error


@dataclass(frozen=True)
class EstimatorHead:
    """A fitted classifier; of one class alone there is nothing to fit.

    Attributes:
        class_count: C, the task's classes.
        classes: (K,) int64, those with a label, ascending.
        fitted: None where K is 1.
        training: whether it said that it had converged.
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
    """A kind of classifier on one pool ((n, d) float32)."""

    pool: FloatArray
    class_count: int
    outside: Outside
    options: Mapping[str, Any]

    @classmethod
    def of(cls, rows: Rows, class_count: int, *, estimator: str, options: Mapping[str, Any]) -> "Trainer":
        """From the options of an `EstimatorSpec`."""
        return cls(rows.features, class_count, _found(estimator), options)

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
            return EstimatorHead(trainer.class_count, classes, None, Training())
        made = _made(trainer.outside, trainer.options, self.seed)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with _explained(made, f"is fitted on {len(rows)} labels"):
                made.fit(trainer.pool[rows], labels)
        converged = not any(warning.category.__name__ == "ConvergenceWarning" for warning in said)
        return EstimatorHead(trainer.class_count, np.asarray(made.classes_), made, Training(converged=converged))


ENTRY = Kind(EstimatorSpec, Trainer.of)
