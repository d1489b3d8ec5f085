"""Any classifier with scikit-learn's interface as a head, by its import path: scikit-learn's own, another package's, or
one of a Python file."""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from nofreelunch.base.errors import UserError
from nofreelunch.base.outside import FAULTS, Outside, find, installed
from nofreelunch.heads.estimator import Trainer
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
    except FAULTS as error:
        raise UserError(f"'{outside.where}' cannot be made with {dict(options)}: {error}") from error


def _trainer(rows: Rows, class_count: int, *, estimator: str, options: Mapping[str, Any]) -> Trainer:
    return Trainer(rows.features, class_count, partial(_made, _found(estimator), options))


ENTRY = Kind(EstimatorSpec, _trainer)
