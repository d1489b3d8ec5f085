"""Vectors of one's own under DVC: a file that changes computes its cells anew, and no copy of it is kept."""

import json

import numpy as np
import pytest
from dvc_project import Project, ran

pytestmark = pytest.mark.slow


def cell(dataset):
    return {f"{name}@{dataset}-mine" for name in ("embed", "initialize", "active_learn")}


def test_a_changed_file_of_vectors_computes_its_cells_alone_and_is_not_kept(tmp_path):
    (tmp_path / "project").mkdir()
    project, rng = Project(tmp_path / "project"), np.random.default_rng(0)
    project.change(
        {
            "grid": {"datasets": ["one", "two"], "embedders": ["mine"], "strategies": ["random"], "pools": ["random"]},
            "focus": {"embedder": "mine"},
            "datasets": {name: {"source": "files", "train_file": f"../{name}.csv"} for name in ("one", "two")},
            "embedders": {"mine": {"kind": "npy", "vectors": "../{dataset}.npy", "texts": "../{dataset}.csv"}},
        }
    )
    vectors = {name: rng.normal(size=(90, 4)) for name in ("one", "two")}
    for name, array in vectors.items():
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "".join(f"{name} {i},{i % 3}\n" for i in range(90)))
        np.save(tmp_path / f"{name}.npy", array)
    assert {"own_vectors", *cell("one"), *cell("two")} < ran(project.dvc("repro", "active_learn"))
    assert ran(project.dvc("repro", "active_learn")) == set()

    np.save(tmp_path / "two.npy", vectors["two"] + 1)
    said = project.python("-m", "nofreelunch", "check")
    assert "vectors, texts or weights that embed@two-mine read have changed; 'dvc repro' will run it" in said
    assert ran(project.dvc("repro", "active_learn")) == {"own_vectors", *cell("two")}
    assert ran(project.dvc("repro", "active_learn")) == set()
    files = [(tmp_path / f"{name}.{ending}").read_bytes() for name in vectors for ending in ("npy", "csv")]
    cached = [path.read_bytes() for path in (tmp_path / "project/.dvc/cache").rglob("*") if path.is_file()]
    assert not set(files) & set(cached)

    # Where the files are out of reach, what was made of them stands.
    digest = project.folder / "data/own_vectors/digests/two/mine.json"
    known = json.loads(digest.read_text())
    (tmp_path / "two.npy").rename(tmp_path / "gone.npy")
    assert "two.npy cannot be read" in project.python("-m", "nofreelunch", "check")
    assert ran(project.dvc("repro", "active_learn")) == {"own_vectors"}
    assert json.loads(digest.read_text()) == known
    (tmp_path / "gone.npy").rename(tmp_path / "two.npy")
    project.python("-m", "nofreelunch", "check")
    assert ran(project.dvc("repro", "active_learn")) == {"own_vectors"}
