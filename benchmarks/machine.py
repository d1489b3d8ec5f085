"""What a benchmark ran on, how fast that is at best, and how time and memory are taken."""

import argparse
import os
import platform
import signal
import statistics
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from nofreelunch.base.errors import UserError
from nofreelunch.space import device

MIB = 2**20


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the flag that all benchmarks of the engine have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--device", type=_use, metavar="cpu|cuda|cuda:N|torch", help="where our products are computed")
    return made


def _use(name: str) -> str:
    os.environ[device.VARIABLE] = name
    try:
        device.place(np.zeros((1, 1), np.float32))
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return name


def clock() -> float:
    """Seconds: of the CPU, or of the wall where a GPU does the work."""
    return time.perf_counter() if device.kind() == "cuda" else time.process_time()


class TooLongError(Exception):
    """A measurement passed its limit."""


def describe() -> str:
    """One line: processor, cores, memory, versions and BLAS."""
    processor = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    blas = {f"{pool['internal_api']} {pool.get('architecture', '')}".strip() for pool in threadpool_info()}
    return (
        f"{processor}, {cores} cores, {memory:.0f} GB; Python {platform.python_version()}, NumPy {np.__version__} "
        f"({', '.join(sorted(blas))}); one BLAS thread; device {device.configured()}"
    )


def limited(work: Callable[[], object], limit: float) -> None:
    """Run ``work``; raise `TooLongError` once it has taken ``limit`` seconds (between two steps of the interpreter)."""

    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def seconds(work: Callable[[], object], limit: float = 60.0, repeats: int = 3) -> float:
    """Median `clock` seconds of ``work`` over up to ``repeats`` calls within ``limit``; NaN where not one call fits."""
    times: list[float] = []
    end = time.monotonic() + limit
    with suppress(TooLongError, MemoryError):
        while len(times) < repeats and (not times or time.monotonic() + times[-1] < end):
            started = clock()
            limited(work, max(0.1, end - time.monotonic()))
            times.append(clock() - started)
    return statistics.median(times) if times else float("nan")


def peak_mib(work: Callable[[], object], limit: float = 60.0) -> float:
    """Most memory that ``work`` held at once beyond what was there, as the interpreter's allocators see it (NumPy's
    arrays included)."""
    tracemalloc.start()
    try:
        limited(work, limit)
        return tracemalloc.get_traced_memory()[1] / MIB
    except (TooLongError, MemoryError):
        return float("nan")
    finally:
        tracemalloc.stop()


def flops(rows: int, inner: int, columns: int) -> float:
    """Float32 operations per second of a matrix product of this shape."""
    a, b = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    return 2 * rows * inner * columns / seconds(lambda: a @ b, repeats=5)


def bandwidth() -> float:
    """Bytes per second that a sum over an array larger than any cache reads."""
    array = np.ones(64 * MIB, np.float32)
    return array.nbytes / seconds(array.sum, repeats=5)


def number(value: float, digits: int = 3) -> str:
    """A table entry of a few significant digits; a dash for NaN."""
    return "–" if np.isnan(value) else f"{value:.{digits}g}"
