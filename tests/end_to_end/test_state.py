"""The committed state: a second machine writes the same bytes, and the way back from a change loses nothing;
a project of one's own leaves it alone."""

import os
import subprocess
import sys

import pytest
import yaml
from dvc_project import Project

pytestmark = pytest.mark.slow
WAY_BACK = (["git", "checkout", "params.yaml", "metrics", "plots", "dvc.lock"], ["dvc", "checkout"])
# No stage's: what this machine measured.
MEASURED = "data/timings/"


def outputs(project: Project) -> dict[str, bytes]:
    """Everything under data/, metrics/ and plots/, measured times apart."""
    found = [path for top in ("data", "metrics", "plots") for path in (project.folder / top).rglob("*")]
    named = {str(path.relative_to(project.folder)): path for path in found if path.is_file()}
    return {name: path.read_bytes() for name, path in named.items() if not name.startswith(MEASURED)}


def measured(project: Project) -> set[str]:
    return {str(path.relative_to(project.folder)) for path in (project.folder / MEASURED).rglob("*.*")}


def changed_files(project: Project) -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=project.folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """A finished and committed project."""
    made = Project(tmp_path_factory.mktemp("first"))
    made.repro()
    made.commit()
    return made


@pytest.fixture(scope="module")
def second(committed, tmp_path_factory):
    """A fresh clone on a machine with another memo and no DVC cache, in which the pipeline ran."""
    clone = Project.clone_of(committed, tmp_path_factory.mktemp("second") / "clone")
    clone.repro()
    return clone


def test_a_second_machine_leaves_git_status_clean(committed, second):
    assert changed_files(second) == ""
    assert outputs(second) == outputs(committed)
    assert measured(second) == measured(committed) != set()


def test_the_way_back_loses_nothing(second):
    before = outputs(second)
    second.change({"focus": {"embedder": "hashing"}, "budget": {"custom": {"initial": 12, "batch": 10, "rounds": 2}}})
    second.repro()
    assert changed_files(second)
    assert outputs(second) != before
    for command in WAY_BACK:
        subprocess.run(command, cwd=second.folder, env=second.environment, check=True, capture_output=True)
    assert outputs(second) == before
    assert changed_files(second) == ""
    assert "up to date" in second.dvc("status")


def test_what_dvc_restores_needs_no_timings(second):
    """Stages from DVC's run cache run nothing, and so take no time that could be shown."""
    before = outputs(second)
    for folder in ("data", "metrics", "plots", ".cache"):
        subprocess.run(["rm", "-r", folder], cwd=second.folder, check=True)
    (second.folder / "dvc.lock").unlink()
    second.repro()
    assert outputs(second) == before
    assert measured(second) == set()
    shown = subprocess.run(
        ["python", "-m", "nofreelunch", "cost"],
        cwd=second.folder,
        env=second.environment,
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 1
    assert "DVC restored them" in shown.stderr
    assert changed_files(second) == ""


def nofreelunch(folder, code, *arguments):
    environment = os.environ | {"PYTHONPATH": str(code / "src"), "DVC_NO_ANALYTICS": "1", "NOFREELUNCH_JOBS": "1"}
    command = [sys.executable, "-m", "nofreelunch", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_project_of_ones_own_has_its_own_results_and_the_evidence_of_the_shipped_grid(committed):
    own_texts = committed.folder.parent / "own.csv"
    words = ["red", "green", "blue", "round", "flat", "large", "small"]
    rows = [f"{words[i % 7]} {words[i // 7 % 7]} {words[i // 49 % 7]} thing {i},{i % 3}\n" for i in range(240)]
    own_texts.write_text("description,kind\n" + "".join(rows))
    before = outputs(committed)
    named = ("--texts", str(own_texts), "--text", "description", "--label", "kind")
    made = nofreelunch(committed.folder, committed.folder, "new", "my_project", *named)
    assert made.returncode == 0, made.stderr
    assert changed_files(committed) == ""
    assert "up to date" in committed.dvc("status")
    again = nofreelunch(committed.folder, committed.folder, "new", "my_project")
    assert (again.returncode, "is there already" in again.stderr) == (1, True)

    own = Project.__new__(Project)
    own.folder = committed.folder / "my_project"
    own.environment = committed.environment | {"PYTHONPATH": str(own.folder / "src")}
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
    assert outputs(committed) == before
    assert changed_files(committed) == ""

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
