"""Progress of encoding on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Counts texts, with the rate and the time left; texts found in the memo do not enter the rate."""

    def __init__(self, label: str, total: int, found: int) -> None:
        from tqdm import tqdm

        self.label, self.total, self.done, self.found = label, total, found, found
        self.start = self.spoken = time.monotonic()
        terminal = sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=found, desc=label, unit=" texts", smoothing=0.1) if terminal else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        elif kind is None:
            self._speak()

    def update(self, texts: int) -> None:
        """Add ``texts`` newly encoded ones."""
        self.done += texts
        if self.bar is not None:
            self.bar.update(texts)
        elif time.monotonic() - self.spoken > SECONDS_BETWEEN_LINES and self.done < self.total:
            self._speak()

    def _speak(self) -> None:
        self.spoken = time.monotonic()
        rate = (self.done - self.found) / max(self.spoken - self.start, 1e-9)
        left = f", {(self.total - self.done) / rate:,.0f} s left" if rate > 0 and self.done < self.total else ""
        known = f", {self.found:,} of them known" if self.found else ""
        print(
            f"{self.label}: {self.done:,} of {self.total:,} texts{known}, {rate:,.0f} texts/s{left}",
            file=sys.stderr,
            flush=True,
        )
