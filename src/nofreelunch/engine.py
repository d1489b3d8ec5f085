"""Independent pieces of work over this machine's cores. How wide is the environment's choice: it changes no result."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nofreelunch.environment import whole_number
from nofreelunch.storage import Memo

Result = TypeVar("Result")


def jobs() -> int:
    """How many worker processes to use: ``$NOFREELUNCH_JOBS``, else the cores this process may run on.

    Raises:
        UserError: the variable is no positive whole number.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return whole_number("NOFREELUNCH_JOBS", cores)


def map_unordered(work: Callable[..., Result], shared: tuple[Any, ...], pieces: Sequence[Any]) -> Iterator[Result]:
    """Yield ``work(*shared, piece)`` for every piece as each is done, in any order.

    Large arrays in ``shared`` reach the workers as memory maps, written once, into the memo's scratch folder: a
    killed process group would leave those in /dev/shm. One worker means this process.
    """
    width = min(jobs(), len(pieces))
    if width <= 1:
        for piece in pieces:
            yield work(*shared, piece)
        return
    from joblib import Parallel, delayed, parallel_config

    with (
        Memo.default().scratch() as folder,
        parallel_config(backend="loky", inner_max_num_threads=1, temp_folder=folder),
    ):
        parallel = Parallel(n_jobs=width, batch_size=1, return_as="generator_unordered")
        yield from parallel(delayed(work)(*shared, piece) for piece in pieces)
