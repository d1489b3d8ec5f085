"""Work that goes wrong in worker processes, and work that looks at what reached them."""

import os
import signal
import time
from pathlib import Path


def add(offset, piece):
    return piece + int(offset.sum())


def slow(_folder, piece):
    time.sleep(0.05)
    return piece


def poisoned(_folder, piece):
    if piece == 3:
        raise KeyError("the third is poisoned")
    return piece


def deadly_once(folder, piece):
    """Kills its own process the first time."""
    marker = Path(folder) / "died"
    if piece == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return piece


def deadly(_folder, piece):
    if piece == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return piece


def layout_of(array, _piece):
    """How an array lies in memory here, whether it may be written, and a sum whose bits depend on the former."""
    rows = array.mean(axis=-1)
    return (
        array.ctypes.data % 16,
        array.flags.aligned,
        array.flags.f_contiguous,
        array.flags.writeable,
        array.sum().tobytes() + rows.tobytes(),
    )


def layouts_of(first, second, third, piece):
    return [layout_of(array, piece) for array in (first, second, third)]


def same_array(first, second, _piece):
    return first is second


def identity(_shared, _piece):
    return os.getpid(), id(_shared)
