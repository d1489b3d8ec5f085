"""The simulated annotator: answers with the true label, or now and then with another one.

An answer belongs to (data set, seed, row): every strategy, pool and embedder that asks for a row gets the same one. The
learner alone sees answers; heads are always scored on true labels.
"""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.spec import Spec

Rate = Annotated[float, Field(ge=0, le=1)]


class Exact(Spec):
    """Always the true label."""

    noise: Literal["none"] = "none"


class Symmetric(Spec):
    """With probability ``rate`` one of the other classes, each as likely."""

    noise: Literal["symmetric"]
    rate: Rate


class Next(Spec):
    """With probability ``rate`` the next class, after the last one the first: pair flips (Han et al. 2018), which a
    learner cannot average out as easily as symmetric noise."""

    noise: Literal["next"]
    rate: Rate


class PerClass(Spec):
    """A row of class c gets one of the other classes, each as likely, with probability ``rates[c]``."""

    noise: Literal["per_class"]
    rates: list[Rate] = Field(min_length=2)


class Confusion(Spec):
    """A row of class c gets class k with probability ``matrix[c][k]``."""

    noise: Literal["matrix"]
    matrix: list[list[Rate]] = Field(min_length=2)

    @model_validator(mode="after")
    def _rows_are_distributions(self) -> Self:
        for number, row in enumerate(self.matrix):
            if len(row) != len(self.matrix) or abs(sum(row) - 1) > 1e-6:
                raise ValueError(
                    f"row {number} of the matrix must hold {len(self.matrix)} probabilities that sum to 1; "
                    f"it holds {len(row)} with sum {sum(row):g}"
                )
        return self


AnnotatorSpec = Annotated[Exact | Symmetric | Next | PerClass | Confusion, Field(discriminator="noise")]


def answers(spec: AnnotatorSpec, labels: IntArray, class_count: int, rng: np.random.Generator) -> IntArray:
    """(n,) what the annotator says of every row.

    Args:
        spec: kind and rates of the noise.
        labels: (n,) int64 true labels; returned as they are where there is no noise.
        class_count: C.
        rng: draws one number per row. What is wrong at a low rate is wrong at a higher one too.

    Raises:
        UserError: the rates or the matrix are for another number of classes.
    """
    if isinstance(spec, Exact):
        return labels
    wrong = transitions(spec, class_count)
    np.fill_diagonal(wrong, 0)
    place = (rng.random(len(labels))[:, None] >= np.cumsum(wrong, axis=1)[labels]).sum(axis=1)
    return np.where(place < class_count, place, labels)


def transitions(spec: AnnotatorSpec, class_count: int) -> Float64Array:
    """(C, C) probability of each answer (column) for each true class (row)."""
    if isinstance(spec, Confusion):
        _check(len(spec.matrix), "annotator.matrix", class_count)
        return np.array(spec.matrix)
    if isinstance(spec, PerClass):
        _check(len(spec.rates), "annotator.rates", class_count)
    wrong = np.zeros(class_count) + (
        spec.rates if isinstance(spec, PerClass) else 0.0 if isinstance(spec, Exact) else spec.rate
    )
    if isinstance(spec, Next):
        others = np.roll(np.eye(class_count), 1, axis=1)
    else:
        others = (1 - np.eye(class_count)) / (class_count - 1)
    return np.diag(1 - wrong) + wrong[:, None] * others


def _check(count: int, key: str, class_count: int) -> None:
    if count != class_count:
        raise UserError(
            f"{key} is for {count} classes, but the task has {class_count}. Give one entry per class, in the order of "
            "the task's card, or use annotator.noise 'symmetric' or 'next', which fit every task."
        )
