"""From one grid to another and back, under DVC."""

import subprocess
import sys

import pytest
import yaml
from dvc_project import TINY, Project, ran

pytestmark = pytest.mark.slow


def test_changing_grids_loses_no_finished_cell(tmp_path):
    project = Project(tmp_path)
    (tmp_path / "own.csv").write_text("text,label\n" + "".join(f"word{i % 9} word{i},{i % 2}\n" for i in range(120)))
    tasks = {name: {"source": "files", "train_file": "own.csv"} for name in ("first", "docs_kind", "docs_param")}
    project.change({"datasets": tasks, "grid": {"datasets": ["first"], "embedders": ["hashing"]}})
    project.change({"focus": {"embedder": "hashing"}})
    params = tmp_path / "params.yaml"
    first = params.read_text()
    project.dvc("repro", "active_learn")
    results = project.results()

    command = [sys.executable, "-m", "nofreelunch", "grid", "smoke"]
    subprocess.run(command, cwd=tmp_path, env=project.environment, check=True)
    assert yaml.safe_load(params.read_text())["grid"]["datasets"] == ["docs_kind", "docs_param"]
    project.change({"budget": {"custom": {**TINY["budget"]["custom"], "rounds": 2}}})
    stages = ran(project.dvc("repro", "active_learn"))
    assert stages >= {"active_learn@docs_kind-hashing", "active_learn@docs_param-hashing"}
    assert not {stage for stage in stages if "first" in stage}

    params.write_text(first)
    assert ran(project.dvc("repro", "active_learn")) <= {"outside", "own_vectors"}
    kept = project.results()
    assert {path: kept[path] for path in results} == results
