"""From a remote back into a fresh clone, out of reach of the task's texts and of the model."""

import subprocess

import pytest
from dvc_project import ran
from remote_project import CELLS, SUMMARISED, bare_clone, push_and_lose, texts, unpushed

pytestmark = pytest.mark.slow
BATCHES_OF_15 = {"budget": {"custom": {"initial": 10, "batch": 15, "rounds": 3}}}


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A finished project, pushed to a folder; then texts and model are deleted."""
    outside = tmp_path_factory.mktemp("outside")
    project = unpushed(tmp_path_factory.mktemp("origin"), outside, str(outside / "store"))
    push_and_lose(project, outside)
    return project


@pytest.fixture
def clone(origin, tmp_path):
    return bare_clone(origin, tmp_path)


def test_a_clone_learns_anew_from_pulled_embeddings_alone(origin, clone):
    clone.dvc("pull", "outside", "own_vectors", "embed", "initialize", "active_learn")
    assert not texts(clone)
    up_to_date = "Data and pipelines are up to date.\n"
    assert clone.dvc("status", "initialize", "active_learn") == up_to_date
    assert clone.dvc("repro", "--allow-missing").endswith(up_to_date)

    clone.change(BATCHES_OF_15)
    assert "budget" in clone.dvc("status", "initialize", "active_learn")
    output = clone.dvc("repro", "--allow-missing")
    learned = {f"{stage}@{cell}" for stage in ("initialize", "active_learn") for cell in CELLS}
    assert ran(output) == learned | SUMMARISED
    assert output.count("8 of 8 runs computed") == 2
    assert not texts(clone)

    origin.change(BATCHES_OF_15)
    origin.dvc("repro", "--allow-missing", "active_learn")
    assert clone.results() == origin.results()
    origin.git("checkout", "--quiet", "--", ".")
    origin.dvc("checkout", "--quiet", "--allow-missing")


def test_texts_are_not_pushed(origin, clone):
    failed = subprocess.run(
        ["dvc", "pull", "download"], cwd=clone.folder, env=clone.environment, capture_output=True, text=True
    )
    assert failed.returncode != 0
    assert texts(clone) == ["card.json"]
    clone.dvc("pull", "--allow-missing")
    assert clone.results() == origin.results()
    assert texts(clone) == ["card.json"]


def test_one_cell_can_be_fetched_and_learned_on(clone):
    clone.dvc("pull", "outside", "own_vectors", "embed@own-hashing")
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
