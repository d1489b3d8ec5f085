import io
import re

import pytest

from nofreelunch import progress
from nofreelunch.progress import Progress


@pytest.fixture
def screen(monkeypatch):
    """A standard error that says it is a terminal."""

    class Screen(io.StringIO):
        def isatty(self):
            return True

    found = Screen()
    monkeypatch.setattr("sys.stderr", found)
    return found


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


def test_lines_are_rare_and_none_follows_a_failure(capsys):
    with pytest.raises(RuntimeError), Progress("x", 10, "runs") as bar:
        for _ in range(5):
            bar.update(1)
        raise RuntimeError
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(screen):
    with Progress("task", 4, "runs", found=1) as bar:
        bar.update(3)
    shown = screen.getvalue().rpartition("\r")[2]
    assert "task: 100%" in shown
    assert "4/4" in shown
    assert "runs/s" in shown
