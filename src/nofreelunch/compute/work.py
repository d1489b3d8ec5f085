"""The nouns of `compute`: work, its pieces, and the workers that do them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from nofreelunch.base.arrays import AnyArray
from nofreelunch.compute.parcels import Parcel, Spool

Result = TypeVar("Result")
SCHEDULER = "NOFREELUNCH_SCHEDULER"


@dataclass(frozen=True)
class Work(Generic[Result]):
    """Pieces that share arguments.

    Attributes:
        function: of a module; ``function(*shared, argument)`` is done for every argument.
        shared: large arrays in it, at any depth, reach a worker once.
        arguments: one for each piece, in the order in which pieces are begun.
        workers: addresses of those workers of a cluster that may do them; all where there are none.
    """

    function: Callable[..., Result]
    shared: tuple[Any, ...]
    arguments: Sequence[Any]
    workers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece on its way.

    Attributes:
        work: it belongs to.
        parcel: the work's shared arguments.
        sent: what stands for their large arrays where workers do not see the parcel's folder, else None.
        argument: its own.
    """

    work: Work[Any]
    parcel: Parcel
    sent: Any
    argument: Any

    @property
    def call(self) -> tuple[Any, ...]:
        """The arguments of `parcels.run_piece`."""
        return self.work.function, self.parcel, self.sent, self.argument


class Workers(Protocol):
    """Worker processes."""

    def hand_over(self, spooled: Spool, parcel: Parcel, arrays: Sequence[AnyArray]) -> Any:
        """Make the arrays of ``parcel`` reachable; the value of `Piece.sent`."""

    def run(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Any]]:
        """Each piece with its result, in any order; pieces are taken as workers come free."""
