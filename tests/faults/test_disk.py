"""Disks that are full or read-only, and clocks that jump."""

import os
import subprocess

import numpy as np
import pytest

from nofreelunch.base import storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo

NOISE = np.random.default_rng(0).normal(size=100_000)


def save(path, rows):
    return {
        "npy": lambda: storage.write_npy(path, NOISE[:rows]),
        "table": lambda: storage.write_table(path, {"x": NOISE[:rows]}),
        "json": lambda: storage.write_json(path, NOISE[:rows].tolist()),
        "memo": lambda: Memo(path.parent).save(path.name, {"x": NOISE[:rows]}),
    }


@pytest.mark.parametrize("kind", ["npy", "table", "json", "memo"])
def test_a_full_disk_keeps_the_old_file_and_leaves_no_part(small, kind):
    save(small / "abc", 10)[kind]()
    (path,) = (path for path in small.rglob("abc") if path.is_file())
    old = path.read_bytes()
    with pytest.raises(UserError, match=r"cannot write .*Free some space"):
        save(small / "abc", 100_000)[kind]()
    assert path.read_bytes() == old
    assert [left for left in small.rglob("*") if left.is_file()] == [path]


def test_a_read_only_disk_is_one_error(small):
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(UserError, match="Read-only file system"):
        storage.write_json(small / "a.json", {})
    with pytest.raises(UserError, match="Read-only file system"), Memo(small).scratch():
        pass


@pytest.mark.parametrize("seconds", [0, 2**33])
def test_the_time_of_a_memo_entry_means_nothing(tmp_path, seconds):
    memo = Memo(tmp_path)
    memo.save("abc", {"x": NOISE})
    (path,) = (path for path in tmp_path.rglob("abc") if path.is_file())
    os.utime(path, (seconds, seconds))
    found = memo.load("abc")
    assert found is not None
    np.testing.assert_array_equal(found["x"], NOISE)


def test_scratch_of_a_killed_process_is_swept_and_of_a_living_one_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(tmp_path))
    with Memo(tmp_path).scratch() as mine:
        folder = mine.parent
        dead = folder.with_name(folder.name.replace(str(os.getpid()), str(2**22 + 1)))
        (dead / "folder").mkdir(parents=True)
        Memo.default()
        assert mine.is_dir()
        assert not dead.exists()
    assert list(tmp_path.iterdir()) == []
