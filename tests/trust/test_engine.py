"""Worker processes on this machine: what reaches them, and what happens when they die."""

import os
import subprocess
import sys
import traceback

import numpy as np
import pieces
import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.compute import parcels
from nofreelunch.compute.engine import jobs, map_unordered, map_works
from nofreelunch.compute.work import Work


@pytest.fixture(autouse=True)
def two_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("NOFREELUNCH_JOBS", "2")
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(tmp_path / "memo"))
    monkeypatch.delenv("NOFREELUNCH_SCHEDULER", raising=False)
    yield
    assert not list((tmp_path / "memo").glob("*"))


def test_arrays_reach_workers_as_they_are_and_are_shared():
    rows = np.random.default_rng(0).normal(size=(301, 997)).astype(np.float32)
    for array in (rows, np.asfortranarray(rows)):
        here = pieces.layout_of(array, None)
        for offset, aligned, fortran, writeable, sums in map_unordered(pieces.layout_of, (array,), range(3)):
            assert (offset, aligned, fortran, writeable) == (0, True, array.flags.f_contiguous, False)
            assert sums == here[4]
    assert all(map_unordered(pieces.same_array, (rows, rows), range(2)))


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "torch"])
def test_one_process_asks_a_device_unless_more_are_wanted(monkeypatch, name):
    monkeypatch.setenv("NOFREELUNCH_DEVICE", name)
    assert jobs() == 2
    monkeypatch.delenv("NOFREELUNCH_JOBS")
    assert jobs() == 1
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "cpu")
    assert jobs() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "gpu")
    with pytest.raises(UserError, match="NOFREELUNCH_DEVICE must be cpu"):
        jobs()


def test_a_worker_unpacks_what_is_shared_once():
    seen = set(map_unordered(pieces.identity, ({"facts": np.zeros(10**5)},), range(12)))
    assert len(seen) == len({process for process, _ in seen}) <= 2


def test_batches_are_taken_as_workers_come_free_and_let_go_when_done(tmp_path):
    taken = []

    def batches():
        for number in range(20):
            taken.append(number)
            yield Work(pieces.add, (np.full(10**5, number),), [0, 1, 2])
        yield Work(pieces.add, (), [])

    found = {}
    for batch, result in map_works(batches()):
        found.setdefault(int(batch.shared[0][0]), []).append(result)
        assert len(taken) <= len(found) + 3
        assert len(list((tmp_path / "memo").glob(".scratch.*/*/*/0.npy"))) <= 3
    assert found.keys() == set(range(20))
    assert all(sorted(results) == [n * 10**5 + i for i in range(3)] for n, results in found.items())


def test_a_worker_that_dies_is_replaced_and_its_piece_done_again(tmp_path):
    assert sorted(map_unordered(pieces.deadly_once, (str(tmp_path),), range(8))) == list(range(8))
    assert (tmp_path / "died").exists()


def test_a_piece_that_always_kills_its_worker_ends_it_with_the_likely_cause(tmp_path):
    with pytest.raises(UserError, match=r"a worker process died 3 times .* memory ran out.*NOFREELUNCH_JOBS"):
        list(map_unordered(pieces.deadly, ("",), range(8)))
    assert sorted(map_unordered(pieces.slow, ("",), range(4))) == list(range(4))


def test_a_poisoned_piece_fails_with_its_own_traceback():
    with pytest.raises(KeyError, match="the third is poisoned") as caught:
        list(map_unordered(pieces.poisoned, ("",), range(8)))
    assert "in poisoned" in "".join(traceback.format_exception(caught.value))


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    program = (
        "import os, signal\n"
        "from nofreelunch.compute.parcels import spool\n"
        "with spool() as spooled:\n"
        "    print(spooled.folder)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-uc", program], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
        assert len(list((tmp_path / "memo").iterdir())) == 1
    with parcels.spool() as spooled, parcels.spool() as other:
        assert {*(tmp_path / "memo").glob("*/*")} == {spooled.folder, other.folder}


def test_unaligned_arrays_are_copied_once():
    rows = np.random.default_rng(0).normal(size=(31, 997)).astype(np.float32)
    buffer = np.empty(rows.nbytes + 1, np.uint8)
    unaligned = buffer[1:].view(np.float32).reshape(rows.shape)
    unaligned[:] = rows
    assert not unaligned.flags.aligned
    copy = parcels._aligned(unaligned)
    assert pieces.layout_of(copy, None) == (0, True, False, False, pieces.layout_of(rows, None)[4])
