import math
import os
import subprocess

import pytest
from kills import Pipeline, of_a_grid

# 2 pools × 2 strategies × 20 seeds are 80 runs.
GRID = {"grid": {"seeds": 20}}
TARGET = "active_learn@topics-hashing"


@pytest.fixture
def fresh(tmp_path):
    """One cell of the tiny pipeline, nothing of which has run."""
    return Pipeline(of_a_grid(tmp_path / "fresh", GRID), TARGET)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The same, through."""
    made = Pipeline(of_a_grid(tmp_path_factory.mktemp("faults") / "undisturbed", GRID), TARGET)
    made.run(lambda _: math.inf)
    assert made.code == 0, made.said
    return made


@pytest.fixture
def small(tmp_path):
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
