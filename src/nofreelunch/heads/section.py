"""How a head declares itself in a file of ``kinds``: the section of params.yaml that asks for it, and what fits it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nofreelunch.base.outside import Outside
from nofreelunch.base.spec import Spec
from nofreelunch.heads.head import Trainer
from nofreelunch.heads.scaling import Scaling


class Section(Spec):
    """What all heads have.

    Attributes:
        linear: whether its scores are linear in the features, which some strategies need.
        scaling: ``none``, ``unit`` (each row to length 1) or ``standardize`` (each feature to mean 0 and
            variance 1 over the pool). Query strategies see the scaled features too.
        centre: whether the pool's mean is taken from pool and test rows first, so that what all rows have in common,
            which says nothing of any class, does not count.
    """

    linear: ClassVar[bool] = True
    scaling: Scaling = "unit"
    centre: bool = True
    if TYPE_CHECKING:
        kind: str

    def outside(self) -> Outside | None:
        """The class, of a head from outside this package.

        Raises:
            UserError: there is no such file or module.
        """
        return None


@dataclass(frozen=True)
class Kind:
    """A registry entry.

    Attributes:
        section: the options, of which ``kind`` is the name of its file.
        trainer: makes what fits such heads, of the pool's `Rows`, scaled, the number of classes and the section's own
            options.
    """

    section: type[Section]
    trainer: Callable[..., Trainer]
