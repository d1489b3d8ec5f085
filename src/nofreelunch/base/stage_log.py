"""What a stage did: one line at its end, and the same as JSON in a file where one is wanted."""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from nofreelunch.base.environment import folder as folder_at
from nofreelunch.base.errors import UserError

LOG = "NOFREELUNCH_LOG"


@dataclass
class Work:
    """What a stage has done.

    Attributes:
        items: how many things it wrote.
        remarks: counts of what its last line should not keep to itself; those of 0 are left out.
    """

    items: int = 0
    remarks: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def logged(stage: str, names: Mapping[str, str], unit: str) -> Iterator[Work]:
    """Time the work inside, then print ``stage=… seconds=… items=…`` on standard error.

    The file named by ``$NOFREELUNCH_LOG`` gets the same as one JSON object in one line, also where the work fails;
    many processes may share it.

    Args:
        stage: its name.
        names: the task and the embedder it works on.
        unit: what ``items`` counts.

    Raises:
        UserError: the file cannot be opened; nothing has been done by then.
    """
    file = _opened(folder_at(LOG))
    start, work = time.perf_counter(), Work()
    failure: BaseException | None = None
    try:
        yield work
    except BaseException as error:
        failure = error
        raise
    finally:
        seconds = time.perf_counter() - start
        record = {
            "stage": stage,
            **names,
            "seconds": round(seconds, 3),
            "items": work.items,
            "unit": unit,
            "items_per_second": round(work.items / max(seconds, 1e-9), 1),
            "peak_memory_mib": round(peak_memory_mib(), 1),
            **{name: count for name, count in work.remarks.items() if count},
        }
        if failure is None:
            print(" ".join(f"{key}={value}" for key, value in record.items()), file=sys.stderr, flush=True)
        if file is not None:
            outcome = {"error": None if failure is None else str(failure) or type(failure).__name__}
            time_of_day = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
            # One write of one line, which O_APPEND keeps whole.
            os.write(file, (json.dumps(time_of_day | record | outcome, ensure_ascii=False) + "\n").encode())
            os.close(file)


def _opened(path: Path | None) -> int | None:
    if path is None:
        return None
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}. Let {LOG} name another file, or unset it.") from error


def peak_memory_mib() -> float:
    """The most memory that any one process took: this one, one of its living children, or one that has ended."""
    try:
        children = [
            pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
        ]
        largest = max(_high_water_kib(pid) for pid in ("self", *children))
    except OSError:
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _RUSAGE_UNIT
    return max(largest, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // _RUSAGE_UNIT) / 1024


# Bytes on macOS, KiB elsewhere. On Linux that of this process counts its parent's, too, before the call of exec.
_RUSAGE_UNIT = 1024 if sys.platform == "darwin" else 1


def _high_water_kib(pid: str) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
