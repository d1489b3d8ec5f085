"""Independent pieces of work over this machine's cores or a cluster. Where and how wide is the environment's choice: it
changes no result."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nofreelunch.base.environment import whole_number
from nofreelunch.compute.parcels import spool
from nofreelunch.compute.work import SCHEDULER, Piece, Result, Work, Workers
from nofreelunch.space import device


def jobs() -> int:
    """How many worker processes to use: ``$NOFREELUNCH_JOBS``, else the cores this process may run on, and one where
    another device than the CPU computes, of which each worker would hold a context and a copy of the pool.

    Raises:
        UserError: the variable is no positive whole number, or the device is unknown.
    """
    if device.kind() != "cpu":
        return whole_number("NOFREELUNCH_JOBS", 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return whole_number("NOFREELUNCH_JOBS", cores)


def on_cluster() -> bool:
    """Whether ``$NOFREELUNCH_SCHEDULER`` names a Dask scheduler; its workers then take the place of processes here."""
    return bool(os.environ.get(SCHEDULER))


def map_unordered(
    function: Callable[..., Result], shared: tuple[Any, ...], arguments: Sequence[Any]
) -> Iterator[Result]:
    """Yield ``function(*shared, argument)`` for every argument as each is done, in any order.

    Raises:
        UserError: workers die again and again, or the cluster cannot be used or is lost.
    """
    for _, result in map_works([Work(function, shared, arguments)], at_most=len(arguments)):
        yield result


def map_works(works: Iterable[Work[Result]], at_most: int | None = None) -> Iterator[tuple[Work[Result], Result]]:
    """Yield every work with the result of each of its pieces as each is done, in any order.

    Works are taken one after the other, each as workers come free, and what they share is let go when they are done.
    One worker means this process. A piece that raises ends it all with its own error; a worker that dies does not.

    Args:
        works: may be made as they are taken.
        at_most: there is no use for more workers.

    Raises:
        UserError: see `map_unordered`.
    """
    if on_cluster():
        from nofreelunch.compute.cluster import connected

        with connected(os.environ[SCHEDULER]) as workers:
            yield from _dealt(works, workers)
        return
    width = jobs() if at_most is None else min(jobs(), at_most)
    if width <= 1:
        for work in works:
            for argument in work.arguments:
                yield work, work.function(*work.shared, argument)
        return
    from nofreelunch.compute.local import LocalWorkers

    yield from _dealt(works, LocalWorkers(width))


def ask_workers(question: Callable[[], Any]) -> dict[str, Any]:
    """The answer of each of the cluster's workers, by address; an exception where there is none.

    Raises:
        UserError: the cluster cannot be used.
    """
    from nofreelunch.compute.cluster import connected

    with connected(os.environ[SCHEDULER]) as cluster:
        return cluster.everywhere(question)


def _dealt(works: Iterable[Work[Result]], workers: Workers) -> Iterator[tuple[Work[Result], Result]]:
    left: dict[str, int] = {}
    with spool() as spooled:

        def pieces() -> Iterator[Piece]:
            for work in works:
                if not work.arguments:
                    continue
                parcel, arrays = spooled.pack(work.shared)
                sent = workers.hand_over(spooled, parcel, arrays)
                left[parcel.name] = len(work.arguments)
                for argument in work.arguments:
                    yield Piece(work, parcel, sent, argument)

        for piece, result in workers.run(pieces()):
            left[piece.parcel.name] -= 1
            if not left[piece.parcel.name]:
                spooled.drop(piece.parcel)
            yield piece.work, result
