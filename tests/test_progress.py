import io
import re

from nofreelunch.base import progress
from nofreelunch.base.progress import Progress


class Screen(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self):
        return True


def test_lines_say_rate_and_time_left_and_the_last_one_how_fast_it_was(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with Progress("task · model", 2_000, "texts", found=500) as bar:
        bar.update(500)
        bar.update(1_000)
    first, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"task · model: 1,000 of 2,000 texts, 500 of them known, [\d,.e+]+ texts/s, [\d,]+ s left", first
    )
    assert re.fullmatch(r"task · model: 2,000 of 2,000 texts, 500 of them known, [\d,.e+]+ texts/s", last)


def test_lines_are_rare(capsys):
    with Progress("x", 10, "runs") as bar:
        for _ in range(10):
            bar.update(1)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setattr("sys.stderr", Screen())
    with Progress("task", 4, "runs", found=1) as bar:
        bar.update(3)
        shown = progress.sys.stderr.getvalue().rpartition("\r")[2]
    assert "task:" in shown
    assert "4/4" in progress.sys.stderr.getvalue() + shown
