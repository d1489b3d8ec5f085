"""Independent pieces of work over this machine's cores. How wide is the environment's choice: it changes no result."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nofreelunch.errors import UserError

Result = TypeVar("Result")


def jobs() -> int:
    """How many worker processes to use: ``$NOFREELUNCH_JOBS``, else the cores this process may run on.

    Raises:
        UserError: the variable is no positive whole number.
    """
    wanted = os.environ.get("NOFREELUNCH_JOBS")
    if wanted is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not wanted.isdecimal() or int(wanted) < 1:
        raise UserError(f"NOFREELUNCH_JOBS must be a whole number of at least 1, not '{wanted}'.")
    return int(wanted)


def map_unordered(work: Callable[..., Result], shared: tuple[Any, ...], pieces: Sequence[Any]) -> Iterator[Result]:
    """Yield ``work(*shared, piece)`` for every piece as each is done, in any order.

    Large arrays in ``shared`` reach the workers as memory maps, written once. One worker means this process.
    """
    width = min(jobs(), len(pieces))
    if width <= 1:
        for piece in pieces:
            yield work(*shared, piece)
        return
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=width, batch_size=1, return_as="generator_unordered")
        yield from parallel(delayed(work)(*shared, piece) for piece in pieces)
