"""Query strategies and pool selections from outside this package, which params.yaml names with ``from:``.

They are marked wherever their results are shown: they are no part of the benchmark.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.outside import Outside, call
from nofreelunch.selection.guard import checked
from nofreelunch.selection.query import PoolSelection, Start, Strategy


@dataclass(frozen=True)
class Foreign:
    """A function from outside, as it reaches any process: there it is loaded from its text or its package.

    Attributes:
        outside: names it, or a `Strategy`.
        part: which function of a `Strategy`.
    """

    outside: Outside
    part: str = "select"

    def __call__(self, request: Any, **options: Any) -> Any:
        """What it returns.

        Raises:
            UserError: it raises anything; in one line that names the place.
        """
        found = self.outside.load()
        called = getattr(found, self.part) if isinstance(found, Strategy) else found
        return call(called, request, **options)


class ForeignPool(Foreign):
    """A pool selection from outside."""

    def __call__(self, request: Start, **options: Any) -> IntArray:
        """What it returns, checked, as `PoolSelection`.

        Raises:
            UserError: it raises anything, or what it returns are not ``size`` distinct rows of the pool.
        """
        for array in (request.features, request.candidates):
            array.flags.writeable = False
        picked = super().__call__(request, **options)
        return checked(picked, request.candidates, len(request.features), request.size, f"'{self.outside.where}'")


def function(outside: Outside) -> Callable[..., Any]:
    """The function that ``outside`` names, or that of the `Strategy`; its keyword-only parameters are its options.

    Raises:
        UserError: it cannot be loaded, or is neither.
    """
    found = outside.load()
    return outside.function(found.select if isinstance(found, Strategy) else found)


def strategy(outside: Outside) -> Strategy:
    """The strategy that ``outside`` names: a function of a `Query`, or a `Strategy`.

    Raises:
        UserError: it cannot be loaded, is neither, or asks for the true labels.
    """
    function(outside)
    found = outside.load()
    if not isinstance(found, Strategy):
        return Strategy(Foreign(outside))
    if found.uses_truth:
        raise UserError(f"'{outside.where}' wants the true labels (uses_truth); no strategy from outside is told them.")
    prepare = None if found.prepare is None else Foreign(outside, "prepare")
    return replace(found, select=Foreign(outside), prepare=prepare)


def pool(outside: Outside) -> PoolSelection:
    """The pool selection that ``outside`` names, a function of a `Start`.

    Raises:
        UserError: it cannot be loaded, or is no function.
    """
    function(outside)
    return ForeignPool(outside)
