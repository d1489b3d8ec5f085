"""Budgets in labels: the one all tasks share, and a task's own."""

from typing import Literal

from pydantic import Field

from nofreelunch.base.spec import Spec

MAX_LABELS = 100_000_000


class Rounds(Spec):
    """A budget in labels: ``initial`` (k₀), then ``rounds`` batches of ``batch``."""

    initial: int = Field(ge=1, le=MAX_LABELS)
    batch: int = Field(ge=1, le=MAX_LABELS)
    rounds: int = Field(ge=1, le=10_000)


class PerClass(Spec):
    """A budget for few labels: k₀ and every batch hold ``per_class`` labels for each class of the task."""

    per_class: float = Field(gt=0, le=1_000, allow_inf_nan=False)
    rounds: int = Field(ge=1, le=10_000)


class Budget(Spec):
    """The budget tracks, of which one is in use by all tasks without a budget of their own: ``glae`` is the paper's,
    ``low`` grows with classes."""

    track: Literal["glae", "low", "custom"]
    glae: Rounds
    low: PerClass
    custom: Rounds

    def resolve(self, own: Rounds | None, classes: int) -> Rounds:
        """The budget in labels of a task of ``classes`` classes whose entry says ``own``."""
        if own is not None:
            return own
        if self.track == "low":
            size = max(1, round(self.low.per_class * classes))
            return Rounds(initial=size, batch=size, rounds=self.low.rounds)
        return self.glae if self.track == "glae" else self.custom
