"""Workers of a running Dask scheduler."""

import hashlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from nofreelunch.base.arrays import AnyArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.provenance import ROOT, environment, releases
from nofreelunch.compute.parcels import Parcel, Spool, run_piece, sees
from nofreelunch.compute.work import SCHEDULER, Piece
from nofreelunch.space import device

CONNECT_SECONDS = 30
# Workers may start after the scheduler, and others may follow them.
WORKER_SECONDS = 300
# An answer that a worker took with it is asked for again.
PATIENCE = 5
# Pieces in waiting for each thread, so that none waits for this process.
AHEAD = 2
# Whose versions can change a result.
PACKAGES = ("tokenizers", "torch", "transformers", "sentence-transformers")
DEVICE = "device"
# A scheduler computes nothing, and may stand on another kind of machine.
OF_MACHINES = (DEVICE, "blas", "simd", "gpu")
RESUME = "Finished work is kept: mend that, then run the same command again."


def source_digest() -> str:
    """SHA-256 (hex) of this package's Python files as they are now."""
    total = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        total.update(f"{path.relative_to(ROOT)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def facts() -> dict[str, str]:
    """What must be the same in all processes for the same results: this package's code, versions of others, and
    the processor's kernels or the device that compute products."""
    return {"code": source_digest(), DEVICE: device.kind()} | releases(*PACKAGES) | environment() | device.mark()


# As this process started: a worker keeps the code that it has loaded, whatever becomes of the files.
FACTS = facts()


def started_with() -> dict[str, str]:
    """`facts` of this process."""
    return FACTS


class Cluster:
    """A connection to a scheduler.

    Args:
        client: connected.
        name: of the scheduler, for messages.
    """

    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name

    def check(self) -> None:
        """Wait for the first worker, and see to it that every one may be used.

        Raises:
            UserError: there is no worker, or one has several threads, other code or other versions.
        """
        try:
            self.client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError as error:
            raise UserError(
                f"the Dask scheduler {self.name} has no worker after {WORKER_SECONDS} s. Start some: "
                f"'dask worker {self.name} --nthreads 1'."
            ) from error
        several = [address for address, threads in self.client.nthreads().items() if threads != 1]
        if several:
            raise UserError(
                f"the worker {several[0]} has more than one thread, which would share their arrays' caches. Start "
                "workers with '--nthreads 1', and '--nworkers N' for N of them on a machine."
            )
        wanted = facts()
        try:
            installed = {name: value for name, value in wanted.items() if name not in OF_MACHINES}
            _refuse_others(self.client.run_on_scheduler(started_with), installed, f"the scheduler {self.name}")
            for address, found in self.everywhere(started_with).items():
                if isinstance(found, ModuleNotFoundError):
                    raise found
                if isinstance(found, dict):
                    _refuse_others(found, wanted, f"the worker {address}")
        except ModuleNotFoundError as error:
            raise UserError(
                f"the scheduler {self.name} or one of its workers cannot import this package ({error}). Install the "
                "same there."
            ) from error

    def everywhere(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """What ``function`` returns in each worker, by address; an exception where it, or the worker, failed."""
        found: dict[str, Any] = self.client.run(function, *arguments, on_error="return")
        return found

    def hand_over(self, spooled: Spool, parcel: Parcel, arrays: Sequence[AnyArray]) -> Any:
        """Write the arrays where every worker sees the folder; else send them to each worker."""
        if not arrays:
            return []
        with self._watched():
            if all(seen is True for seen in self.everywhere(sees, spooled.folder, spooled.token).values()):
                spooled.write(parcel, arrays)
                return None
            return self.client.scatter(list(arrays), broadcast=True, hash=False)

    def run(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Any]]:
        """See `Workers`. Dask itself gives the pieces of a lost worker to others.

        Raises:
            UserError: the scheduler is lost, or a piece lost its worker again and again.
        """
        from distributed import KilledWorker

        running: dict[Any, Piece] = {}
        done: SimpleQueue[Any] = SimpleQueue()
        try:
            while True:
                with self._watched():
                    threads = sum(self.client.nthreads().values())
                for piece in islice(pieces, max(0, AHEAD * max(1, threads) - len(running))):
                    workers = list(piece.work.workers) or None
                    future = self.client.submit(run_checked, FACTS, *piece.call, pure=False, workers=workers)
                    running[future] = piece
                    future.add_done_callback(done.put)
                if not running:
                    return
                future = self._patiently(lambda seconds: done.get(timeout=seconds))
                piece = running.pop(future)
                if future.status == "error":
                    # With the traceback of the worker.
                    future.result()
                yield piece, self._patiently(future.result)
        except KilledWorker as error:
            raise UserError(
                "a piece of work lost its worker again and again, most likely because memory ran out. Give each worker "
                f"more memory, or lower NOFREELUNCH_SCORES_MIB there. {RESUME} ({error})"
            ) from error
        finally:
            if running and self.client.status == "running":
                self.client.cancel(list(running))

    def _patiently(self, ask: Callable[[float], Any]) -> Any:
        """The answer of ``ask``, which is asked again each time it raises after the seconds that it is given.

        Raises:
            UserError: the scheduler is lost, or there was no worker for WORKER_SECONDS.
        """
        away = 0.0
        while True:
            with self._watched():
                try:
                    return ask(PATIENCE)
                except (TimeoutError, Empty):
                    away = 0 if self.client.nthreads() else away + PATIENCE
            if away >= WORKER_SECONDS:
                raise UserError(
                    f"all workers of the Dask scheduler {self.name} have been gone for {away:,.0f} s; memory or their "
                    f"time may have run out. Start new ones. {RESUME}"
                )

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except (CancelledError, OSError) as error:
            raise UserError(f"lost the Dask scheduler {self.name}, or all workers with their data. {RESUME}") from error


def run_checked(wanted: dict[str, str], *arguments: Any) -> Any:
    """In a worker: `run_piece`, if this worker, which may have come late, is one like the others.

    Raises:
        UserError: it has other code or other versions.
    """
    _refuse_others(FACTS, wanted, f"a worker on {socket.gethostname()}")
    return run_piece(*arguments)


def _refuse_others(found: dict[str, str], wanted: dict[str, str], who: str) -> None:
    other = [name for name in wanted if found.get(name) != wanted[name]]
    if other == ["code"]:
        raise UserError(
            f"{who} runs other code of this package than this process, and would give other results. Install the same "
            "there; after a change of code, restart scheduler and workers."
        )
    if other:
        differences = ", ".join(f"{name} {found.get(name)} (here {wanted[name]})" for name in other if name != "code")
        raise UserError(
            f"{who} would give other results: it has {differences}. Install the same versions there, and set the same "
            f"{device.VARIABLE}; where processors differ, the same OPENBLAS_CORETYPE and NPY_DISABLE_CPU_FEATURES here "
            "and there (docs/cluster.md)."
        )


@contextmanager
def connected(place: str) -> Iterator[Cluster]:
    """Yield a connection to the scheduler at ``place``: an address, or the path of a scheduler file.

    Raises:
        UserError: Dask is not installed, there is no scheduler, or its workers may not be used.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise UserError(
            f"{SCHEDULER} is set, but Dask is not installed ({error}). Run 'pip install -r requirements.txt'."
        ) from error
    # It tells what _watched tells.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    if "://" in place:
        where = {"address": place}
    elif Path(place).is_file():
        where = {"scheduler_file": place}
    else:
        raise UserError(f"{SCHEDULER} is '{place}', neither an address (tcp://host:8786) nor a scheduler file.")
    try:
        client = Client(**where, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"there is no Dask scheduler at {place} ({error}). Start one ('dask scheduler'), or correct or unset "
            f"{SCHEDULER}."
        ) from error
    try:
        cluster = Cluster(client, place)
        with cluster._watched():
            cluster.check()
        yield cluster
    finally:
        client.close(timeout=1)
