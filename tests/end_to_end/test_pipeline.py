"""The real pipeline under DVC on a tiny grid, in a copy of the repository: what a change computes, and the committed
state, which a second machine writes to the same bytes and a project of one's own leaves alone."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from dvc_project import ROOT, Project, ran

# What reads the names in the grid alone, in no time.
NAMES = {"outside", "own_vectors"}
SUMMARISING = {"aggregate", "plot", "report"}

WAY_BACK = (["git", "checkout", "params.yaml", "metrics", "plots", "dvc.lock"], ["dvc", "checkout"])

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    stages, computed = made.repro()
    assert len(stages) == 1 + 2 + 3 * 2 + 3
    assert computed == ["8 of 8 runs computed"] * 2
    made.commit()
    return made


@pytest.fixture
def restored(project):
    """Back to the committed tiny grid after a test that changes it."""
    yield
    project.git("checkout", "--quiet", "--", ".")
    project.dvc("checkout", "--quiet")


def test_the_stages_are_the_product_of_the_axes(project):
    stages = project.dvc("stage", "list", "--name-only").split()
    expected = {"download@topics", "outside", "own_vectors", "aggregate", "plot", "report"}
    expected |= {f"{s}@topics-{e}" for s in ("embed", "initialize", "active_learn") for e in ("hashing", "lsa")}
    assert sorted(stages) == sorted(expected)


def test_nothing_runs_twice(project):
    assert project.repro() == (set(), [])
    assert "up to date" in project.dvc("status")


def test_clocks_that_jumped_make_nothing_run(project, restored):
    """Files from 1970 and from 2242, in turn: sources, outputs, and what DVC keeps."""
    files = [path for path in project.folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    for number, path in enumerate(sorted(files)):
        os.utime(path, (0, 0) if number % 2 else (2**33, 2**33))
    assert "up to date" in project.dvc("status")
    assert project.repro() == (set(), [])


def test_what_is_changed_or_added_is_computed_alone_and_the_way_back_loses_nothing(project):
    before = project.outputs()
    project.change({"embedders": {"lsa": {"kind": "lsa", "dim": 12}, "small": {"kind": "hashing", "dim": 32}}})
    project.change({"grid": {"embedders": ["hashing", "small", "lsa"], "strategies": ["random", "badge", "margin"]}})
    stages, computed = project.repro()
    cells = {f"{s}@topics-{e}" for s in ("embed", "initialize", "active_learn") for e in ("small", "lsa")}
    assert stages == NAMES | cells | {"active_learn@topics-hashing"} | SUMMARISING
    assert sorted(computed) == ["12 of 12 runs computed"] * 2 + ["4 of 12 runs computed"]
    assert project.changed_files()
    assert project.outputs() != before
    for path in (*project.folder.glob("metrics/small.*"), *project.folder.glob("data/timings/*/small.*")):
        path.unlink()
    for command in WAY_BACK:
        subprocess.run(command, cwd=project.folder, env=project.environment, check=True, capture_output=True)
    assert project.outputs() == before
    assert project.changed_files() == ""
    assert "up to date" in project.dvc("status")


def test_an_experiment_with_another_focus_runs_only_what_summarises_and_is_compared(project, restored):
    shown = project.dvc("metrics", "show")
    assert "metrics/hashing.json" in shown
    assert "metrics/lsa.json" in shown
    stages = ran(project.dvc("exp", "run", "--name", "other", "--set-param", "focus.embedder=hashing"))
    assert "aggregate" in stages
    assert stages <= SUMMARISING
    diff = project.dvc("metrics", "diff", "HEAD", "other", "--targets", "metrics/focus.json")
    assert re.search(r"topics\.margin", diff)
    dropped = re.search(r"dvc exp show .*--drop '(.+)'", (ROOT / "Makefile").read_text())[1]
    shown = ("exp", "show", "--csv", "--only-changed", "--hide-workspace", "--drop", dropped)
    columns = project.dvc(*shown).splitlines()[0].split(",")
    assert {"Experiment", "focus.embedder"} <= set(columns)
    # One for each strategy of the one task.
    assert len(columns) <= 2 + 2
    assert "file://" in project.dvc("plots", "show")
    assert "active_learn@topics-lsa" in project.dvc("dag")


def test_a_wrong_name_stops_before_any_work(project, restored):
    project.change({"grid": {"strategies": ["random", "bagde"]}})
    failed = subprocess.run(
        ["dvc", "repro"], cwd=project.folder, env=project.environment, capture_output=True, text=True
    )
    assert failed.returncode != 0
    assert "Did you mean 'badge'?" in failed.stderr + failed.stdout


@pytest.fixture(scope="module")
def second(project, tmp_path_factory):
    """A fresh clone on a machine with another memo and no DVC cache, in which the pipeline ran."""
    clone = Project.clone_of(project, tmp_path_factory.mktemp("second") / "clone")
    clone.repro()
    return clone


def test_a_second_machine_leaves_git_status_clean(project, second):
    assert second.changed_files() == ""
    assert second.outputs() == project.outputs()
    assert second.measured() == project.measured() != set()


def test_what_dvc_restores_needs_no_timings(second):
    """Stages from DVC's run cache run nothing, and so take no time that could be shown."""
    before = second.outputs()
    for folder in ("data", "metrics", "plots", ".cache"):
        subprocess.run(["rm", "-r", folder], cwd=second.folder, check=True)
    (second.folder / "dvc.lock").unlink()
    second.repro()
    assert second.outputs() == before
    assert second.measured() == set()
    shown = subprocess.run(
        ["python", "-m", "nofreelunch", "cost"],
        cwd=second.folder,
        env=second.environment,
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 1
    assert "DVC restored them" in shown.stderr
    assert second.changed_files() == ""


def nofreelunch(folder, code, *arguments):
    environment = os.environ | {"PYTHONPATH": str(code / "src"), "DVC_NO_ANALYTICS": "1", "NOFREELUNCH_JOBS": "1"}
    command = [sys.executable, "-m", "nofreelunch", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_project_of_ones_own_has_its_own_results_and_the_evidence_of_the_shipped_grid(project):
    own_texts = project.folder.parent / "own.csv"
    words = ["red", "green", "blue", "round", "flat", "large", "small"]
    rows = [f"{words[i % 7]} {words[i // 7 % 7]} {words[i // 49 % 7]} thing {i},{i % 3}\n" for i in range(240)]
    own_texts.write_text("description,kind\n" + "".join(rows))
    before = project.outputs()
    named = ("--texts", str(own_texts), "--text", "description", "--label", "kind")
    made = nofreelunch(project.folder, project.folder, "new", "my_project", *named)
    assert made.returncode == 0, made.stderr
    assert project.changed_files() == ""
    assert "up to date" in project.dvc("status")
    again = nofreelunch(project.folder, project.folder, "new", "my_project")
    assert (again.returncode, "is there already" in again.stderr) == (1, True)

    own = Project.__new__(Project)
    own.folder = project.folder / "my_project"
    own.environment = project.environment | {"PYTHONPATH": str(own.folder / "src")}
    content = yaml.safe_load((own.folder / "params.yaml").read_text())
    assert list(content["datasets"]) == content["grid"]["datasets"] == ["my_texts"]
    assert not [path for top in ("data", "metrics", "plots") for path in own.folder.glob(f"{top}/*")]
    checked = nofreelunch(own.folder, own.folder, "check")
    assert "1 task" in checked.stdout, checked.stderr
    own.change(
        {"grid": {"embedders": ["hashing"], "pools": ["random"], "strategies": ["random", "margin"], "seeds": 2}}
    )
    own.change({"focus": {"embedder": "hashing"}, "budget": {"custom": {"initial": 10, "batch": 10, "rounds": 2}}})
    own.repro()
    metrics = yaml.safe_load((own.folder / "metrics/hashing.json").read_text())
    assert metrics["tasks"] == 1
    assert (own.folder / "plots/report.html").is_file()
    assert project.outputs() == before
    assert project.changed_files() == ""

    asked = (
        "recommend",
        "--texts",
        str(own_texts),
        "--column",
        "description",
        "--embedder",
        "hashing",
        "--labels",
        "30",
    )
    for evidence, tasks in (("evidence", 1), ("plots/evidence", 1)):
        answered = nofreelunch(own.folder, own.folder, *asked, "--evidence", evidence)
        assert f"learned from {evidence}\n" in answered.stdout, answered.stderr
        assert f"It rests on {tasks} task;" in answered.stdout
        assert "nan" not in answered.stdout
