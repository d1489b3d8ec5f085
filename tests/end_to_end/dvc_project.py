"""A copy of the repository with a tiny grid, and what `dvc` does in it."""

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
# No stage's: what this machine measured.
MEASURED = "data/timings/"
TINY = {
    "grid": {
        "datasets": ["topics"],
        "embedders": ["hashing", "lsa"],
        "pools": ["random", "typiclust"],
        "strategies": ["random", "margin"],
        "seeds": 2,
    },
    "focus": {"embedder": "lsa"},
    "budget": {"track": "custom", "custom": {"initial": 10, "batch": 10, "rounds": 3}},
    "datasets": {"topics": {"source": "files", "train_file": "topics.csv"}},
    "embedders": {"hashing": {"kind": "hashing", "dim": 64}, "lsa": {"kind": "lsa", "dim": 16}},
}


def ran(output: str) -> set[str]:
    """The stages that ran, by what `dvc repro` said."""
    return set(re.findall(r"Running stage '(.+?)'", output))


def _topics() -> str:
    """A CSV of 280 distinct texts on four topics: two words of the topic's own among four that all have."""
    draw = random.Random(0)
    words = [[f"{kind}{i}" for i in range(12)] for kind in ("ant", "bee", "cow", "dog", "all")]
    lines = (
        " ".join(draw.sample(words[i % 4], 2) + draw.sample(words[4], 4)) + f" {i},{words[i % 4][0]}"
        for i in range(280)
    )
    return "\n".join(("text,label", *lines, ""))


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
            # With what Python has compiled, but for files that it is writing now.
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*", "*.egg-info"))
        shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
        (folder / "topics.csv").write_text(_topics())
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

    def outputs(self) -> dict[str, bytes]:
        """Everything under data/, metrics/ and plots/, measured times apart."""
        found = [path for top in ("data", "metrics", "plots") for path in (self.folder / top).rglob("*")]
        named = {str(path.relative_to(self.folder)): path for path in found if path.is_file()}
        return {name: path.read_bytes() for name, path in named.items() if not name.startswith(MEASURED)}

    def measured(self) -> set[str]:
        """The files with times that this machine took."""
        return {str(path.relative_to(self.folder)) for path in (self.folder / MEASURED).rglob("*.*")}

    def changed_files(self) -> str:
        """What git says has changed."""
        command = ["git", "status", "--porcelain"]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def results(self) -> dict[str, bytes]:
        files = (*self.folder.glob("data/runs/**/*.parquet"), *self.folder.glob("data/pools/**/*.parquet"))
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}
