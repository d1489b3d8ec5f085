"""Independent pieces of work over this machine's cores or a cluster. Where and how wide is the environment's choice: it
changes no result."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from nofreelunch.environment import whole_number
from nofreelunch.handoff import Array, Parcel, Spool, spool

Result = TypeVar("Result")
SCHEDULER = "NOFREELUNCH_SCHEDULER"


@dataclass(frozen=True)
class Batch(Generic[Result]):
    """Pieces that share arguments.

    Attributes:
        work: a function of a module; ``work(*shared, piece)`` is done for every piece.
        shared: large arrays in it, at any depth, reach a worker once.
        pieces: in the order in which they are begun.
        workers: addresses of those workers of a cluster that may do them; all where there are none.
    """

    work: Callable[..., Result]
    shared: tuple[Any, ...]
    pieces: Sequence[Any]
    workers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Task:
    """One piece on its way.

    Attributes:
        batch: it belongs to.
        parcel: the batch's shared arguments.
        sent: what stands for their large arrays where workers do not see the parcel's folder, else None.
        piece: of the batch.
    """

    batch: Batch[Any]
    parcel: Parcel
    sent: Any
    piece: Any

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Those of `handoff.run_piece`."""
        return self.batch.work, self.parcel, self.sent, self.piece


class Pool(Protocol):
    """Worker processes."""

    def hand_over(self, spooled: Spool, parcel: Parcel, arrays: Sequence[Array]) -> Any:
        """Make the arrays of ``parcel`` reachable; the value of `Task.sent`."""

    def run(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
        """Each task with its result, in any order; tasks are taken as workers come free."""


def jobs() -> int:
    """How many worker processes to use: ``$NOFREELUNCH_JOBS``, else the cores this process may run on.

    Raises:
        UserError: the variable is no positive whole number.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return whole_number("NOFREELUNCH_JOBS", cores)


def on_cluster() -> bool:
    """Whether ``$NOFREELUNCH_SCHEDULER`` names a Dask scheduler; its workers then take the place of processes here."""
    return bool(os.environ.get(SCHEDULER))


def map_unordered(work: Callable[..., Result], shared: tuple[Any, ...], pieces: Sequence[Any]) -> Iterator[Result]:
    """Yield ``work(*shared, piece)`` for every piece as each is done, in any order.

    Raises:
        UserError: workers die again and again, or the cluster cannot be used or is lost.
    """
    for _, result in map_batches([Batch(work, shared, pieces)], at_most=len(pieces)):
        yield result


def map_batches(batches: Iterable[Batch[Result]], at_most: int | None = None) -> Iterator[tuple[Batch[Result], Result]]:
    """Yield every batch with the result of each of its pieces as each is done, in any order.

    Batches are taken one after the other, each as workers come free, and what they share is let go when they are done.
    One worker means this process. A piece that raises ends it all with its own error; a worker that dies does not.

    Args:
        batches: may be made as they are taken.
        at_most: there is no use for more workers.

    Raises:
        UserError: see `map_unordered`.
    """
    if on_cluster():
        from nofreelunch.cluster import connected

        with connected(os.environ[SCHEDULER]) as pool:
            yield from _spread(batches, pool)
        return
    width = jobs() if at_most is None else min(jobs(), at_most)
    if width <= 1:
        for batch in batches:
            for piece in batch.pieces:
                yield batch, batch.work(*batch.shared, piece)
        return
    from nofreelunch.local_pool import LocalPool

    yield from _spread(batches, LocalPool(width))


def ask_workers(question: Callable[[], Any]) -> dict[str, Any]:
    """The answer of each of the cluster's workers, by address; an exception where there is none.

    Raises:
        UserError: the cluster cannot be used.
    """
    from nofreelunch.cluster import connected

    with connected(os.environ[SCHEDULER]) as cluster:
        return cluster.everywhere(question)


def _spread(batches: Iterable[Batch[Result]], pool: Pool) -> Iterator[tuple[Batch[Result], Result]]:
    left: dict[str, int] = {}
    with spool() as spooled:

        def tasks() -> Iterator[Task]:
            for batch in batches:
                if not batch.pieces:
                    continue
                parcel, arrays = spooled.pack(batch.shared)
                sent = pool.hand_over(spooled, parcel, arrays)
                left[parcel.name] = len(batch.pieces)
                for piece in batch.pieces:
                    yield Task(batch, parcel, sent, piece)

        for task, result in pool.run(tasks()):
            left[task.parcel.name] -= 1
            if not left[task.parcel.name]:
                spooled.drop(task.parcel)
            yield task.batch, result
