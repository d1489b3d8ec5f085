"""A copy of the repository with a tiny grid, and what `dvc` does in it."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import yaml

from nofreelunch.base.storage import Memo
from nofreelunch.tasks.docs import build_docs_task
from nofreelunch.tasks.spec import DocsTask

ROOT = Path(__file__).parents[2]
TINY = {
    "grid": {
        "datasets": ["docs_library"],
        "embedders": ["hashing", "lsa"],
        "pools": ["random", "typiclust"],
        "strategies": ["random", "margin"],
        "seeds": 2,
    },
    "focus": {"embedder": "lsa"},
    "budget": {"track": "custom", "custom": {"initial": 10, "batch": 10, "rounds": 3}},
    "datasets": {"docs_library": {"source": "docs", "task": "library", "train": 200, "test": 80}},
    "embedders": {"hashing": {"kind": "hashing", "dim": 64}, "lsa": {"kind": "lsa", "dim": 16}},
}


def ran(output: str) -> set[str]:
    """The stages that ran, by what `dvc repro` said."""
    return set(re.findall(r"Running stage '(.+?)'", output))


@cache
def _docstrings_read() -> Path:
    """A memo with the docstrings of the installed packages, which take longer to read than all else in a tiny grid."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build_docs_task(DocsTask(source="docs", task="kind", train=None, test=None), Memo(folder))
    return folder


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "DVC_NO_ANALYTICS": "1",
        "PYTHONPATH": str(folder / "src"),
        "NOFREELUNCH_JOBS": "1",
        "NOFREELUNCH_CACHE": ".cache",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }


class Project:
    """A clone with a tiny grid, and what `dvc` did in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("dvc.yaml", "params.yaml", "requirements.txt", ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        for name in ("stages", "src"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
        shutil.copytree(_docstrings_read(), folder / ".cache")
        self.environment = _environment(folder)
        self.change(TINY)
        self.git("init", "--quiet")
        self.commit()

    @classmethod
    def clone_of(cls, other: "Project", folder: Path) -> "Project":
        """A fresh git clone of what `other` has committed: no DVC cache, no memo."""
        other.git("clone", "--quiet", str(other.folder), str(folder))
        made = cls.__new__(cls)
        made.folder, made.environment = folder, _environment(folder)
        return made

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, env=self.environment)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "state")

    def change(self, sections: dict) -> None:
        path = self.folder / "params.yaml"
        content = yaml.safe_load(path.read_text())
        for name, values in sections.items():
            content[name] = {**content[name], **values}
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def dvc(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            ["dvc", *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def python(self, *arguments: str) -> str:
        """What a Python command said, on either stream, whether it succeeded or not."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.stdout

    def repro(self, **environment: str) -> tuple[set[str], list[str]]:
        """The stages that ran, and the 'computed' line of each active_learn stage."""
        output = self.dvc("repro", **environment)
        return ran(output), re.findall(r"\d+ of \d+ runs computed", output)

    def results(self) -> dict[str, bytes]:
        files = (*self.folder.glob("data/runs/**/*.parquet"), *self.folder.glob("data/pools/**/*.parquet"))
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}
