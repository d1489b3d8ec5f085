"""The rooms of the house: imports run one way, from what is built on others to what others are built on."""

import ast
from graphlib import TopologicalSorter

from nofreelunch.base import provenance

PACKAGE = provenance.ROOT
# From the ground up. A module may import from its own room and those before it.
ROOMS = [
    "base",
    "space",
    "heads",
    "selection",
    "tasks",
    "compute",
    "embedders",
    "params",
    "cells",
    "evaluation",
    "report",
    "labelling",
    "cli",
    "__main__",
]


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        if name != "nofreelunch":
            yield name


def room(module):
    return module.split(".")[1]


def test_every_module_has_a_room_and_the_floor_is_small():
    assert {room(module) for module in modules()} == set(ROOMS)
    assert len([path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]) <= 12


def test_no_import_runs_back_up():
    upward = [
        f"{module} → {other}"
        for module in modules()
        for other in provenance._imports(module)
        if other != "nofreelunch" and ROOMS.index(room(other)) > ROOMS.index(room(module))
    ]
    assert not upward


def test_no_two_modules_import_each_other_by_any_way_round():
    graph = {module: provenance._imports(module) - {module} for module in modules()}
    TopologicalSorter(graph).prepare()


def test_no_module_imports_relatively():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level], path
