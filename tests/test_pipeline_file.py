"""dvc.yaml watches the code that computes what its stages write."""

from pathlib import Path

import pytest
import yaml

from nofreelunch.base import provenance

ROOT = Path(__file__).parents[1]
# They say what is computed, where it lies and who does it, not how: that reaches DVC as parameters and outputs.
FRAME = {
    "params",
    *(f"compute.{name}" for name in ("cluster", "engine", "local", "parcels", "work")),
    *(f"base.{name}" for name in ("environment", "errors", "layout", "memory", "options", "progress", "provenance")),
    *(f"base.{name}" for name in ("spec", "storage")),
}
ROOTS = {
    "download": ["tasks.build"],
    "embed": ["embedders.embed", "tasks.labels"],
    "initialize": ["cells.initial_pools", "selection.pools"],
    "active_learn": ["cells.experiment", "cells.simulation", "selection.strategies", "cells.portrait"],
    "aggregate": ["evaluation.summary", "evaluation.runs", "evaluation.picks"],
    "plot": ["figures"],
    "report": ["report"],
}


@pytest.mark.parametrize("stage", ROOTS)
def test_a_stage_reruns_when_code_that_it_computes_with_changes(stage):
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["deps"]
    seen, waiting = set(), [f"nofreelunch.{root}" for root in ROOTS[stage]]
    while waiting:
        module = waiting.pop()
        if module not in seen and module.removeprefix("nofreelunch.") not in FRAME:
            seen.add(module)
            waiting += provenance._imports(module)
    files = {str(provenance._file(module).relative_to(ROOT)) for module in seen}
    unwatched = {file for file in files if not any(file == dep or file.startswith(f"{dep}/") for dep in deps)}
    assert not unwatched
