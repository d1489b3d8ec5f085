"""The real pipeline under DVC on a tiny grid, in a copy of the repository."""

import os
import re
import subprocess

import pytest
from dvc_project import ROOT, TINY, Project

# What reads the names in the grid alone, in no time.
NAMES = {"outside", "own_vectors"}
SUMMARISING = {"aggregate", "plot", "report"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    ran, computed = made.repro()
    assert len(ran) == 1 + 2 + 3 * 2 + 3
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
    expected = {"download@docs_library", "outside", "own_vectors", "aggregate", "plot", "report"}
    expected |= {f"{s}@docs_library-{e}" for s in ("embed", "initialize", "active_learn") for e in ("hashing", "lsa")}
    assert sorted(stages) == sorted(expected)


def test_nothing_runs_twice(project):
    assert project.repro() == (set(), [])
    assert "up to date" in project.dvc("status")


def test_clocks_that_jumped_make_nothing_run(project):
    """Files from 1970 and from 2242, in turn: sources, outputs, and what DVC keeps."""
    files = [path for path in project.folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    for number, path in enumerate(sorted(files)):
        os.utime(path, (0, 0) if number % 2 else (2**33, 2**33))
    assert "up to date" in project.dvc("status")
    assert project.repro() == (set(), [])


def test_a_changed_embedder_reruns_its_column_only(project):
    project.change({"embedders": {**TINY["embedders"], "lsa": {"kind": "lsa", "dim": 12}}})
    ran, computed = project.repro()
    cell = {f"{s}@docs_library-lsa" for s in ("embed", "initialize", "active_learn")}
    assert ran == NAMES | cell | SUMMARISING
    assert computed == ["8 of 8 runs computed"]


def test_an_added_strategy_computes_only_its_own_runs(project):
    before = project.results()
    project.change({"grid": {"strategies": ["random", "badge", "margin"]}})
    ran, computed = project.repro()
    assert ran == {"outside"} | {f"active_learn@docs_library-{e}" for e in ("hashing", "lsa")} | SUMMARISING
    assert computed == ["4 of 12 runs computed"] * 2
    project.change({"grid": {"strategies": ["random", "margin"]}})
    _, computed = project.repro()
    assert project.results() == before


def test_an_added_embedder_leaves_the_other_cells_alone(project):
    project.change({"embedders": {"small": {"kind": "hashing", "dim": 32}}})
    project.change({"grid": {"embedders": ["hashing", "small", "lsa"]}})
    ran, _ = project.repro()
    cell = {f"{s}@docs_library-small" for s in ("embed", "initialize", "active_learn")}
    assert ran == NAMES | cell | SUMMARISING


def test_the_focus_reruns_only_what_summarises(project):
    project.change({"focus": {"embedder": "hashing"}})
    ran, _ = project.repro()
    assert "aggregate" in ran
    assert ran <= SUMMARISING


def test_metrics_plots_and_dag_work(project):
    shown = project.dvc("metrics", "show")
    assert "metrics/hashing.json" in shown
    assert "metrics/lsa.json" in shown
    project.dvc("exp", "run", "--name", "other", "--set-param", "focus.embedder=hashing")
    diff = project.dvc("metrics", "diff", "HEAD", "other", "--targets", "metrics/focus.json")
    assert re.search(r"docs_library\.margin", diff)
    dropped = re.search(r"dvc exp show .*--drop '(.+)'", (ROOT / "Makefile").read_text())[1]
    shown = ("exp", "show", "--csv", "--only-changed", "--hide-workspace", "--drop", dropped)
    columns = project.dvc(*shown).splitlines()[0].split(",")
    assert {"Experiment", "focus.embedder"} <= set(columns)
    # One for each strategy of the one task.
    assert len(columns) <= 2 + 2
    assert "file://" in project.dvc("plots", "show")
    assert "active_learn@docs_library-lsa" in project.dvc("dag")


def test_a_wrong_name_stops_before_any_work(project):
    project.change({"grid": {"strategies": ["random", "bagde"]}})
    failed = subprocess.run(
        ["dvc", "repro"], cwd=project.folder, env=project.environment, capture_output=True, text=True
    )
    assert failed.returncode != 0
    assert "Did you mean 'badge'?" in failed.stderr + failed.stdout
