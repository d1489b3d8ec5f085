"""The code of the folder computes, in whatever environment; and a sign that a terminal lacks loses no work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARK = "the code of this folder"


@pytest.fixture
def worktree(tmp_path):
    """Another checkout, whose library says so, as it is found by an environment in which ROOT is installed."""
    for name in ("stages", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    return tmp_path


def run(folder, *command, **variables):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | variables
    encoding = variables.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, encoding=encoding, check=False
    )


def test_a_stage_computes_with_the_library_beside_it(worktree):
    build = worktree / "src/nofreelunch/tasks/build.py"
    build.write_text(build.read_text() + f"\n\ndef build_task(spec, name):\n    raise UserError('{MARK}')\n")
    build.write_text(build.read_text().replace('"""\n', '"""\n\nfrom nofreelunch.base.errors import UserError', 1))
    done = run(worktree, "-m", "stages.download", "docs_library")
    assert (done.returncode, done.stderr) == (1, f"error: {MARK}\n")


def test_worker_processes_compute_with_it_too(worktree):
    asked = "import nofreelunch; print(nofreelunch.__file__)"
    code = f"import stages, subprocess, sys; subprocess.run([sys.executable, '-c', '{asked}'])"
    assert run(worktree, "-c", code).stdout.strip() == str(worktree / "src/nofreelunch/__init__.py")


def test_a_command_refuses_to_work_with_the_code_of_another_checkout(worktree):
    done = run(worktree, "-m", "nofreelunch", "check")
    assert done.returncode == 1
    assert f"Python would run that in {ROOT / 'src/nofreelunch'}" in done.stderr
    assert run(worktree, "-m", "nofreelunch", "check", PYTHONPATH=str(worktree / "src")).returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("command", ["check", "list"])
def test_a_terminal_without_a_sign_shows_another_one(tmp_path, encoding, command):
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    done = run(tmp_path, "-m", "nofreelunch", command, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "?" in done.stdout or encoding != "ascii"


def test_who_reads_only_the_beginning_breaks_nothing(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    code = f"set -o pipefail; {sys.executable} -m nofreelunch list | true"
    done = subprocess.run(
        ["bash", "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
