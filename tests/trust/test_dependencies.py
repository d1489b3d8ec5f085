"""What is imported is declared, what is declared is pinned, and what is pinned has hashes and is in the docs."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
OURS = {"nofreelunch", "stages"}


def canonical(name):
    return re.sub("[-_.]+", "-", name).lower()


def imported(source):
    """The distributions that ``source`` imports from."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OURS:
            yield canonical(DISTRIBUTIONS.get(name, name))


def pins(name):
    """Version by distribution in a file of requirements."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonical(package): version for package, version in found}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = {canonical(name) for name in PROJECT["dependencies"]}
OPTIONAL = {canonical(name) for names in PROJECT["optional-dependencies"].values() for name in names}


def test_what_is_imported_is_declared_and_the_other_way_round():
    sources = [path for folder in ("src", "stages") for path in (ROOT / folder).rglob("*.py")]
    found = {name for path in sources for name in imported(path.read_text(encoding="utf-8"))}
    assert found - OPTIONAL == DECLARED


def test_what_is_declared_is_pinned():
    assert pins("requirements.txt").keys() >= DECLARED
    assert {name for path in ROOT.glob("requirements*.txt") for name in pins(path.name)} >= OPTIONAL


def test_all_pins_but_that_of_torch_have_hashes():
    lines = (ROOT / "requirements.hashes.txt").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    hashed = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+( +--hash=sha256:[0-9a-f]{64})+", line) for line in hashed)
    expected = pins("requirements.txt")
    assert expected.pop("torch")
    assert pins("requirements.hashes.txt") == expected
    assert len(hashed) == len(expected)


def test_the_audit_is_of_the_pinned_versions():
    rows = re.findall(r"^\| ([\w.-]+) \| ([\d.]+) \|", (ROOT / "docs/dependencies.md").read_text("utf-8"), re.MULTILINE)
    listed = {canonical(name): version for name, version in rows}
    pinned = {name: version for path in ROOT.glob("requirements*.txt") for name, version in pins(path.name).items()}
    assert listed.items() <= pinned.items()
    assert listed.keys() >= DECLARED | OPTIONAL
