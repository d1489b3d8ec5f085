import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.base.progress import Progress
from nofreelunch.base.stage_log import Work, logged, peak_memory_mib
from nofreelunch.cli.command import stage

ROOT = Path(__file__).parents[1]
CELL = {"dataset": "own", "embedder": "lsa"}


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    monkeypatch.setenv("NOFREELUNCH_LOG", str(path))
    return path


def test_the_line_and_the_json_say_the_same(log, capsys):
    with logged("embed", CELL, "texts") as work:
        work.items = 40
    (line,) = capsys.readouterr().err.splitlines()
    said = dict(pair.split("=") for pair in line.split(" "))
    (record,) = map(json.loads, log.read_text().splitlines())
    assert list(said)[:3] == ["stage", "dataset", "embedder"]
    assert said == {key: str(value) for key, value in record.items() if key not in ("time", "error")}
    assert (record["stage"], record["items"], record["unit"], record["error"]) == ("embed", 40, "texts", None)
    assert record["items_per_second"] > 0
    assert record["peak_memory_mib"] > 10


def test_what_deserves_a_remark_stands_in_the_line_and_nothing_else_does(log, capsys):
    for count in (0, 3):
        with logged("active_learn", CELL, "runs") as work:
            work.items, work.remarks = 40, {"unconverged_fits": count}
    silent, said = capsys.readouterr().err.splitlines()
    assert "unconverged" not in silent
    assert said.endswith(" unconverged_fits=3")
    assert json.loads(log.read_text().splitlines()[1])["unconverged_fits"] == 3


def test_a_stage_gives_a_number_or_a_number_with_remarks(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setattr(sys, "argv", ["stage"])
    for outcome in (5, Work(5, {"unconverged_fits": 2})):

        def work(loaded, outcome=outcome):
            """Nothing."""
            return outcome

        with pytest.raises(SystemExit, match="0"):
            stage(work, unit="runs")
    silent, said = capsys.readouterr().err.splitlines()
    assert "items=5" in silent
    assert "unconverged" not in silent
    assert said.endswith("unconverged_fits=2")


@pytest.mark.parametrize("failure", [UserError("no such file. Make it."), KeyboardInterrupt()])
def test_a_stage_that_fails_is_logged_with_its_error_and_no_line(log, capsys, failure):
    with pytest.raises(type(failure)), logged("embed", CELL, "texts"):
        raise failure
    assert capsys.readouterr().err == ""
    assert json.loads(log.read_text())["error"] in ("no such file. Make it.", "KeyboardInterrupt")


def test_a_log_that_cannot_be_written_stops_before_the_work(monkeypatch, tmp_path):
    monkeypatch.setenv("NOFREELUNCH_LOG", str(tmp_path / "none" / "log"))
    begun = []
    with pytest.raises(UserError, match="NOFREELUNCH_LOG"), logged("embed", CELL, "texts"):
        begun.append(1)
    assert not begun


def test_processes_share_a_log_line_by_line(log):
    log.write_text('{"of": "before"}\n')
    code = (
        "from nofreelunch.base.stage_log import logged\n"
        "for _ in range(200):\n with logged('x' * 5000, {}, 'texts'): pass"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len([json.loads(line) for line in log.read_text().splitlines()]) == 601


def measured(code):
    head = (
        "import subprocess, sys\nfrom nofreelunch.base.stage_log import peak_memory_mib\nbefore = peak_memory_mib()\n"
    )
    command = [sys.executable, "-c", head + code + "\nprint(peak_memory_mib() - before)"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(
    "code",
    [
        "x = bytearray(200 * 2**20)",
        "subprocess.run([sys.executable, '-c', 'x = bytearray(200 * 2**20)'])",
        "child = subprocess.Popen([sys.executable, '-c', 'x = bytearray(200 * 2**20); print(1, flush=True); input()'], "
        "stdin=subprocess.PIPE, stdout=subprocess.PIPE); child.stdout.readline()",
    ],
    ids=["itself", "an ended child", "a living child"],
)
def test_the_memory_is_that_of_the_largest_process(code):
    if "Popen" in code and not Path("/proc/self").is_dir():
        pytest.skip("needs /proc")
    assert 150 < measured(code) < 400


def test_memory_is_known_for_this_process():
    assert peak_memory_mib() > 10


def test_quiet_progress_says_nothing_even_on_a_terminal(monkeypatch):
    class Screen(StringIO):
        def isatty(self):
            return True

    for screen in (Screen(), StringIO()):
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setenv("NOFREELUNCH_QUIET", "1")
        with Progress("task", 4, "runs") as bar:
            bar.update(4)
        assert screen.getvalue() == ""
        monkeypatch.setenv("NOFREELUNCH_QUIET", "0")
        with Progress("task", 4, "runs") as bar:
            bar.update(4)
        assert "4" in screen.getvalue()
