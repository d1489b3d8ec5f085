"""Worker processes on this machine, each with one BLAS thread."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from itertools import islice
from typing import Any

from joblib.externals.loky import get_reusable_executor

from nofreelunch.base.arrays import AnyArray
from nofreelunch.base.errors import UserError
from nofreelunch.compute.parcels import Parcel, Spool, run_piece
from nofreelunch.compute.work import Piece

# How often the workers may die while the same piece is with them.
LOSSES = 3
# A worker has few pieces in waiting, so that a new one never waits for this process.
AHEAD = 2
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


class LocalWorkers:
    """loky's processes; when one dies all are replaced, and the pieces they had begun are done again.

    Args:
        width: how many.
    """

    def __init__(self, width: int) -> None:
        self.width = width

    def hand_over(self, spooled: Spool, parcel: Parcel, arrays: Sequence[AnyArray]) -> None:
        """Write the arrays, for the workers to map."""
        spooled.write(parcel, arrays)

    def run(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Any]]:
        """See `Workers`.

        Raises:
            UserError: the workers died LOSSES times with the same piece.
        """
        running: dict[Future[Any], Piece] = {}
        losses: Counter[Piece] = Counter()
        try:
            while True:
                for piece in islice(pieces, AHEAD * self.width - len(running)):
                    running[self._submit(piece)] = piece
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    piece = running.pop(future)
                    try:
                        result = future.result()
                    except BrokenExecutor as error:
                        losses[piece] += 1
                        if losses[piece] == LOSSES:
                            raise UserError(
                                f"a worker process died {LOSSES} times over the same work, most likely because memory "
                                "ran out. Lower NOFREELUNCH_JOBS (fewer workers) or NOFREELUNCH_SCORES_MIB, then run "
                                "the same command again; finished work is kept."
                            ) from error
                        running[self._submit(piece)] = piece
                    else:
                        yield piece, result
        finally:
            for future in running:
                future.cancel()
            if running:
                self._executor().shutdown(kill_workers=True)

    def _executor(self) -> Any:
        return get_reusable_executor(self.width, env=ONE_THREAD)

    def _submit(self, piece: Piece) -> Future[Any]:
        while True:
            # Processes may die at any moment; the executor that comes next is whole.
            with suppress(BrokenExecutor):
                future: Future[Any] = self._executor().submit(run_piece, *piece.call)
                return future
