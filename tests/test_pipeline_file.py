"""dvc.yaml watches the code that computes what its stages write: all that a stage's script imports."""

import ast
from pathlib import Path

import pytest
import yaml

from nofreelunch.base import provenance

ROOT = Path(__file__).parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
# They say what is computed, where it lies and who does it, not how: that reaches DVC as parameters and outputs.
FRAME = {
    "params",
    "cli.command",
    *(f"compute.{name}" for name in ("cluster", "engine", "local", "parcels", "work")),
    *(f"base.{name}" for name in ("environment", "errors", "layout", "memory", "options", "progress", "provenance")),
    *(f"base.{name}" for name in ("arrays", "links", "spec", "stage_log", "storage")),
}


def imported(path):
    """The modules of the package that a script imports, at its top or within a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return {name for name in found if provenance._is_ours(name) and provenance._file(name)}


def computing(stage):
    """The package's files that a stage computes with."""
    seen, waiting = set(), list(imported(ROOT / "stages" / f"{stage}.py"))
    while waiting:
        module = waiting.pop()
        if module not in seen and module.removeprefix("nofreelunch.") not in FRAME:
            seen.add(module)
            waiting += provenance._imports(module) | declared(module)
    return {str(provenance._file(module).relative_to(ROOT)) for module in seen}


def declared(module):
    """The modules that a registry finds by what they declare."""
    if "nofreelunch.base.found" not in provenance._imports(module):
        return set()
    folder = provenance._file(module).parent
    return {f"{module}.{path.stem}" for path in folder.glob("*.py")} - {f"{module}.__init__"}


def watched(file, deps):
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def test_every_stage_has_a_script_and_every_script_is_a_stage():
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert scripts == STAGES.keys()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reruns_when_code_that_it_computes_with_changes(stage):
    deps, files = STAGES[stage]["deps"], computing(stage)
    assert f"stages/{stage}.py" in deps
    # A package's own file holds a sentence, or names what it imports.
    unwatched = {file for file in files if not watched(file, deps)} - {"src/nofreelunch/__init__.py"}
    assert not {file for file in unwatched if not only_says(ROOT / file)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reruns_when_the_libraries_that_it_computes_with_change(stage):
    assert "requirements.txt" in STAGES[stage]["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_watched_is_there_and_used(stage):
    code = [dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")]
    files = computing(stage)
    assert [dep for dep in code if not (ROOT / dep).exists()] == []
    assert [dep for dep in code if not any(watched(file, [dep]) for file in files)] == []


def only_says(path):
    """Whether a file is a docstring and nothing else."""
    return all(isinstance(node, ast.Expr) for node in ast.parse(path.read_text(encoding="utf-8")).body)


def test_what_is_left_out_exists():
    assert [name for name in sorted(FRAME) if provenance._file(f"nofreelunch.{name}") is None] == []
