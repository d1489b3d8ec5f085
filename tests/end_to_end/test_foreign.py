"""A strategy file outside the repository: through the pipeline, into figures and report, anew alone when it changes."""

import json

import pytest
from dvc_project import Project, ran

pytestmark = pytest.mark.slow
STRATEGY = """
def select(query):
    return sorted(query.candidates.tolist())[: query.batch_size]
"""
LEARNED = "active_learn@topics-hashing"


def test_a_file_from_outside_takes_part_and_its_changes_compute_its_runs_alone(tmp_path):
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    file = tmp_path / "my_strategy.py"
    file.write_text(STRATEGY)
    project.change({"strategies": {"mine": {"from": "../my_strategy.py"}}})
    project.change({"grid": {"embedders": ["hashing"], "strategies": ["random", "mine"]}})
    project.change({"focus": {"embedder": "hashing"}})
    assert "strategies.mine is code from outside" in project.python("-m", "nofreelunch", "check")
    stages, computed = project.repro()
    assert {"outside", LEARNED} <= stages
    assert computed == ["8 of 8 runs computed"]
    assert (project.folder / "plots/figures/curves_random.png").is_file()
    report = (project.folder / "plots/report.html").read_text()
    said = json.loads((project.folder / "data/outside/strategies.json").read_text())["mine"]
    assert "strategies.mine" in report
    assert said["sha256"][:16] in report
    assert '"foreign":["mine"]' in report
    assert project.repro() == (set(), [])

    file.write_text(STRATEGY.replace("sorted(", "sorted(reversed(").replace("())", "()))"))
    stages, computed = project.repro()
    assert stages == {"outside", LEARNED}
    assert computed == ["4 of 8 runs computed"]

    file.unlink()
    assert "'../my_strategy.py' cannot be read: No such file" in project.python("-m", "nofreelunch", "check")
    project.change({"grid": {"strategies": ["random", "margin"]}})
    assert ran(project.dvc("repro", "active_learn")) == {"outside", LEARNED}


EMBEDDER = """
import numpy as np


def embed(texts):
    return np.array([[len(text), text.count("a")] for text in texts], np.float32)
"""


def test_only_the_changed_embedder_embeds_anew(tmp_path):
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    file = tmp_path / "my_embedder.py"
    file.write_text(EMBEDDER)
    project.change({"embedders": {"mine": {"from": "../my_embedder.py"}}})
    project.change({"grid": {"embedders": ["hashing", "mine"]}, "focus": {"embedder": "hashing"}})
    embedded = {f"embed@topics-{name}" for name in ("hashing", "mine")}
    assert ran(project.dvc("repro", "embed")) == {"outside", "own_vectors", "download@topics", *embedded}
    card = json.loads((project.folder / "data/embeddings/topics/mine.json").read_text())
    assert card["source"] == "code from outside"
    assert ran(project.dvc("repro", "embed")) == set()
    file.write_text(EMBEDDER.replace('"a"', '"e"'))
    assert ran(project.dvc("repro", "embed")) == {"outside", "embed@topics-mine"}
    project.change({"grid": {"embedders": ["hashing", "lsa"]}})
    assert ran(project.dvc("repro", "embed")) == {"outside", "own_vectors", "embed@topics-lsa"}
