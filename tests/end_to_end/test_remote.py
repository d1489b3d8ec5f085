"""From a remote back into a fresh clone, out of reach of the task's texts and of the model."""

import subprocess
import sys
from pathlib import Path

import pytest
from dvc_project import TINY, Project, ran

sys.path.append(str(Path(__file__).parents[1] / "embedders"))

pytestmark = pytest.mark.slow
CELLS = ["own-tiny", "own-hashing"]
BATCHES_OF_15 = {"budget": {"custom": {"initial": 10, "batch": 15, "rounds": 3}}}
SUMMARISED = {"aggregate", "plot", "report"}


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A finished project with a task and a model from files, pushed to a folder; then texts and model are deleted."""
    from tiny_models import WORDS, save_sentence_model

    outside = tmp_path_factory.mktemp("outside")
    project = Project(tmp_path_factory.mktemp("origin"))
    lines = (f"{WORDS[i % 7]} {WORDS[i % 11]} {i},{i % 3}\n" for i in range(240))
    (outside / "own.csv").write_text("text,label\n" + "".join(lines))
    model = {"kind": "transformer", "hub": str(save_sentence_model(outside / "model")), "max_tokens": 16}
    project.change(
        {
            "grid": {"datasets": ["own"], "embedders": ["tiny", "hashing"]},
            "focus": {"embedder": "tiny"},
            "datasets": {"own": {"source": "files", "train_file": str(outside / "own.csv")}},
            "embedders": {"tiny": model, "hashing": TINY["embedders"]["hashing"]},
        }
    )
    project.dvc("remote", "add", "--default", "store", str(outside / "store"))
    project.repro()
    project.commit()
    project.dvc("push")
    (outside / "own.csv").unlink()
    (outside / "model").rename(outside / "gone")
    return project


@pytest.fixture
def clone(origin, tmp_path):
    """A fresh clone in which even the import of a model's library fails."""
    made = Project.clone_of(origin, tmp_path / "clone")
    (tmp_path / "barred").mkdir()
    for name in ("torch", "transformers", "sentence_transformers", "tokenizers", "datasets"):
        (tmp_path / "barred" / f"{name}.py").write_text(f"raise ImportError('{name} is out of reach')\n")
    made.environment["PYTHONPATH"] += f":{tmp_path / 'barred'}"
    return made


def test_a_clone_learns_anew_from_pulled_embeddings_alone(origin, clone):
    clone.dvc("pull", "embed", "initialize", "active_learn")
    assert not list(clone.folder.glob("data/tasks/**/*"))
    assert clone.dvc("repro", "--allow-missing").endswith("Data and pipelines are up to date.\n")

    clone.change(BATCHES_OF_15)
    output = clone.dvc("repro", "--allow-missing")
    learned = {f"{stage}@{cell}" for stage in ("initialize", "active_learn") for cell in CELLS}
    assert ran(output) == learned | SUMMARISED
    assert output.count("8 of 8 runs computed") == 2
    assert not list(clone.folder.glob("data/tasks/**/*"))

    origin.change(BATCHES_OF_15)
    origin.dvc("repro", "--allow-missing")
    assert clone.results() == origin.results()
    origin.git("checkout", "--quiet", "--", ".")
    origin.dvc("checkout", "--quiet", "--allow-missing")


def test_texts_are_not_pushed(origin, clone):
    failed = subprocess.run(
        ["dvc", "pull", "download"], cwd=clone.folder, env=clone.environment, capture_output=True, text=True
    )
    assert failed.returncode != 0
    assert [path.name for path in clone.folder.glob("data/tasks/own/*")] == ["card.json"]
    clone.dvc("pull", "--allow-missing")
    assert clone.results() == origin.results()
    assert [path.name for path in clone.folder.glob("data/tasks/own/*")] == ["card.json"]


def test_one_cell_can_be_fetched_and_learned_on(clone):
    clone.dvc("pull", "embed@own-hashing")
    assert {path.name for path in clone.folder.glob("data/embeddings/**/*.*")} == {
        "hashing.train.npy",
        "hashing.test.npy",
        "hashing.labels.json",
        "hashing.json",
    }
    clone.change({"grid": {"seeds": 3}})
    output = clone.dvc("repro", "--allow-missing", "active_learn@own-hashing")
    assert ran(output) == {"initialize@own-hashing", "active_learn@own-hashing"}
    assert "12 of 12 runs computed" in output
