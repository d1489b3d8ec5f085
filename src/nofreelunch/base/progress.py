"""Progress on standard error, with the rate and the time left: a bar on a terminal, a line now and then elsewhere.

Nothing at all where ``$NOFREELUNCH_QUIET`` is set, to anything but 0.
"""

import os
import sys
import time
from types import TracebackType
from typing import Self

SECONDS_BETWEEN_LINES = 15.0
QUIET = "NOFREELUNCH_QUIET"


def quiet() -> bool:
    """Whether only errors and the last line are wanted."""
    return os.environ.get(QUIET, "") not in ("", "0")


class Progress:
    """Counts pieces of work; those that were found in the memo do not enter the rate.

    Args:
        label: what is worked on.
        total: pieces in all.
        unit: what a piece is, in the plural.
        found: pieces that were there before.
    """

    def __init__(self, label: str, total: int, unit: str, found: int = 0) -> None:
        from tqdm import tqdm

        self.label, self.total, self.unit, self.done, self.found = label, total, unit, found, found
        self.start = self.spoken = time.monotonic()
        self.quiet = quiet()
        terminal = sys.stderr.isatty() and not self.quiet
        self.bar = tqdm(total=total, initial=found, desc=label, unit=f" {unit}", smoothing=0.1) if terminal else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        elif kind is None:
            self._speak()

    def update(self, count: int) -> None:
        """Add ``count`` pieces that were done just now."""
        self.done += count
        if self.bar is not None:
            self.bar.update(count)
        elif time.monotonic() - self.spoken > SECONDS_BETWEEN_LINES and self.done < self.total:
            self._speak()

    def known(self, count: int) -> None:
        """Add ``count`` pieces that turn out to have been there before."""
        self.done += count
        self.found += count
        if self.bar is not None:
            self.bar.update(count)

    def _speak(self) -> None:
        if self.quiet:
            return
        self.spoken = time.monotonic()
        rate = (self.done - self.found) / max(self.spoken - self.start, 1e-9)
        left = f", {(self.total - self.done) / rate:,.0f} s left" if rate > 0 and self.done < self.total else ""
        known = f", {self.found:,} of them known" if self.found else ""
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        print(
            f"{self.label}: {self.done:,} of {self.total:,} {self.unit}{known}, {speed} {self.unit}/s{left}",
            file=sys.stderr,
            flush=True,
        )
