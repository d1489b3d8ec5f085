"""Faults in a project under DVC: a few kills (`kills.py` does many), two `dvc repro` at once, bits turned in an
embedding, a disk that fills up."""

import os
import random
import subprocess
import sys
import time

import pytest
from kills import TIMINGS, Counts, assert_like, files, kill_until_through, runs, temporaries

from nofreelunch.base.storage import Memo

pytestmark = pytest.mark.slow
STAGE = [sys.executable, "-m", "stages.active_learn", "topics", "hashing"]
RUNS = 80


@pytest.fixture(scope="module")
def project(undisturbed):
    return undisturbed.project


@pytest.fixture(scope="module")
def whole(project):
    """Every output of the undisturbed project but the measured times."""
    return files(project, TIMINGS)


def run(project, command, **environment):
    return subprocess.run(
        command, cwd=project.folder, env=project.environment | environment, capture_output=True, text=True, check=False
    )


def one_error(done):
    """The line after ``error:`` of a stage that stopped as it should."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if "error:" in line)
    return line


def test_of_two_repros_at_once_one_stops_and_the_results_are_whole(fresh, whole, tmp_path):
    project, repro = fresh.project, ["dvc", "repro", *fresh.targets]
    with (tmp_path / "said").open("w") as output:
        first = subprocess.Popen(repro, cwd=project.folder, env=project.environment, stdout=output, stderr=output)
        while first.poll() is None and "Running stage 'download" not in (tmp_path / "said").read_text():
            time.sleep(0.02)
        second = run(project, repro)
        first.wait()
    assert first.returncode == 0, (tmp_path / "said").read_text()
    assert second.returncode != 0
    assert "is busy, it is being blocked by" in second.stdout + second.stderr
    assert "up to date" in project.dvc(*repro[1:])
    assert files(project, TIMINGS) == whole
    assert temporaries(project) == []


def turn_a_bit(path, keep_times):
    before = path.stat()
    with path.open("r+b") as handle:
        handle.seek(-1000, os.SEEK_END)
        (byte,) = handle.read(1)
        handle.seek(-1000, os.SEEK_END)
        handle.write(bytes([byte ^ 4]))
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_bit_turned_in_an_embedding_is_named_and_mended(undisturbed, project, whole):
    path = project.folder / "data/embeddings/topics/hashing.train.npy"
    turn_a_bit(path, keep_times=False)
    assert "data/embeddings/topics/hashing.train.npy" in project.dvc("status", *undisturbed.targets)
    project.dvc("repro", *undisturbed.targets)
    assert files(project, TIMINGS) == whole


def test_a_bit_turned_with_its_time_set_back_passes_dvc_and_is_refused_by_what_reads_it(undisturbed, project, whole):
    path = project.folder / "data/embeddings/topics/hashing.train.npy"
    turn_a_bit(path, keep_times=True)
    assert "up to date" in project.dvc("status", *undisturbed.targets)
    assert "hashing.train.npy is not the file that was written" in one_error(run(project, STAGE))
    path.unlink()
    project.dvc("repro", *undisturbed.targets)
    assert files(project, TIMINGS) == whole


def test_a_disk_that_fills_up_under_the_memo_loses_nothing(project, whole, small):
    environment = {"NOFREELUNCH_CACHE": str(small)}
    assert "No space left on device" in one_error(run(project, STAGE, **environment))
    assert files(project, TIMINGS) == whole
    entries = [path for path in small.rglob("*") if path.is_file()]
    assert all(Memo(small).load(path.name) for path in entries)
    runs = sum(b'"acquired"' in path.read_bytes()[:4096] for path in entries)
    assert 0 < runs < RUNS

    subprocess.run(["mount", "-o", "remount,size=16m", str(small)], check=True)
    done = run(project, STAGE, **environment)
    assert done.returncode == 0, done.stderr
    assert f"{RUNS - runs} of {RUNS} runs computed" in done.stdout
    assert files(project, TIMINGS) == whole


def test_a_pipeline_that_is_killed_again_and_again_ends_as_if_it_had_not_been(fresh, undisturbed):
    counts = Counts()
    kill_until_through(fresh, counts, random.Random(1), undisturbed.seconds, 2 / 3, 3)
    assert counts.kills.total() >= 1
    assert counts.computed + counts.saved == runs(undisturbed.project) == 80
    assert_like(fresh.project, undisturbed.project)
