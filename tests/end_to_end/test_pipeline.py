"""The real pipeline under DVC on a tiny grid, in a copy of the repository."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

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

SUMMARISING = {"aggregate", "plot", "report"}

pytestmark = pytest.mark.slow


class Project:
    """A clone with a tiny grid, and what `dvc` did in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("dvc.yaml", "params.yaml", "requirements.txt", ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        for name in ("stages", "src"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
        self.environment = os.environ | {
            "DVC_NO_ANALYTICS": "1",
            "PYTHONPATH": str(folder / "src"),
            "NOFREELUNCH_JOBS": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        self.change(TINY)
        self.git("init", "--quiet")
        self.commit()

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

    def repro(self, **environment: str) -> tuple[set[str], list[str]]:
        """The stages that ran, and the 'computed' line of each active_learn stage."""
        output = self.dvc("repro", **environment)
        return set(re.findall(r"Running stage '(.+?)'", output)), re.findall(r"\d+ of \d+ runs computed", output)

    def results(self) -> dict[str, bytes]:
        files = (*self.folder.glob("data/runs/**/*.parquet"), *self.folder.glob("data/pools/**/*.parquet"))
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files if "seconds" not in path.name}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    ran, computed = made.repro()
    assert len(ran) == 1 + 3 * 2 + 3
    assert computed == ["8 of 8 runs computed"] * 2
    made.commit()
    return made


@pytest.fixture(autouse=True)
def restored(project):
    """Each test starts from, and goes back to, the committed tiny grid."""
    yield
    project.git("checkout", "--quiet", "--", ".")
    project.dvc("checkout", "--quiet")


def test_the_stages_are_the_product_of_the_axes(project):
    stages = project.dvc("stage", "list", "--name-only").split()
    expected = {"download@docs_library", "aggregate", "plot", "report"}
    expected |= {f"{s}@docs_library-{e}" for s in ("embed", "initialize", "active_learn") for e in ("hashing", "lsa")}
    assert sorted(stages) == sorted(expected)


def test_nothing_runs_twice(project):
    assert project.repro() == (set(), [])
    assert "up to date" in project.dvc("status")


def test_a_changed_embedder_reruns_its_column_only(project):
    project.change({"embedders": {**TINY["embedders"], "lsa": {"kind": "lsa", "dim": 12}}})
    ran, computed = project.repro()
    assert ran == {f"{s}@docs_library-lsa" for s in ("embed", "initialize", "active_learn")} | SUMMARISING
    assert computed == ["8 of 8 runs computed"]


def test_an_added_strategy_computes_only_its_own_runs(project):
    before = project.results()
    project.change({"grid": {"strategies": ["random", "badge", "margin"]}})
    ran, computed = project.repro()
    assert ran == {f"active_learn@docs_library-{e}" for e in ("hashing", "lsa")} | SUMMARISING
    assert computed == ["4 of 12 runs computed"] * 2
    project.change({"grid": {"strategies": ["random", "margin"]}})
    _, computed = project.repro()
    assert project.results() == before


def test_an_added_embedder_leaves_the_other_cells_alone(project):
    project.change({"embedders": {"small": {"kind": "hashing", "dim": 32}}})
    project.change({"grid": {"embedders": ["hashing", "small", "lsa"]}})
    ran, _ = project.repro()
    assert ran == {f"{s}@docs_library-small" for s in ("embed", "initialize", "active_learn")} | SUMMARISING


def test_the_focus_reruns_only_what_summarises(project):
    project.change({"focus": {"embedder": "hashing"}})
    ran, _ = project.repro()
    assert "aggregate" in ran
    assert ran <= SUMMARISING


def test_from_scratch_in_another_order_with_two_workers_gives_the_same_bytes(project, tmp_path):
    other = Project(tmp_path)
    other.change({"grid": {"embedders": ["lsa", "hashing"]}})
    other.repro(NOFREELUNCH_JOBS="2", PYTHONHASHSEED="7")
    assert other.results() == project.results()


def test_a_killed_stage_resumes_and_ends_with_the_same_bytes(project, tmp_path):
    project.change({"grid": {"seeds": 12}, "budget": {"custom": {"initial": 10, "batch": 10, "rounds": 12}}})
    running = subprocess.Popen(
        ["dvc", "repro"],
        cwd=project.folder,
        env=project.environment | {"NOFREELUNCH_CACHE": str(tmp_path / "memo")},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "memo").rglob("*"))) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()

    _, computed = project.repro(NOFREELUNCH_CACHE=str(tmp_path / "memo"))
    first = int(computed[0].split()[0])
    assert 0 < first < 48
    resumed = project.results()
    project.dvc("repro", "--force", NOFREELUNCH_CACHE=str(tmp_path / "empty"))
    assert project.results() == resumed
    assert not list(project.folder.rglob("*.tmp"))


def test_metrics_plots_and_dag_work(project):
    shown = project.dvc("metrics", "show")
    assert "metrics/hashing.json" in shown
    assert "metrics/lsa.json" in shown
    project.dvc("exp", "run", "--name", "other", "--set-param", "focus.embedder=hashing")
    diff = project.dvc("metrics", "diff", "HEAD", "other", "--targets", "metrics/focus.json")
    assert re.search(r"docs_library\.margin", diff)
    assert "file://" in project.dvc("plots", "show")
    assert "active_learn@docs_library-lsa" in project.dvc("dag")


def test_a_wrong_name_stops_before_any_work(project):
    project.change({"grid": {"strategies": ["random", "bagde"]}})
    failed = subprocess.run(
        ["dvc", "repro"], cwd=project.folder, env=project.environment, capture_output=True, text=True
    )
    assert failed.returncode != 0
    assert "Did you mean 'badge'?" in failed.stderr + failed.stdout
