"""Each built-in strategy and pool is one file that declares itself."""

import re
from pathlib import Path

import pytest

from nofreelunch.base.found import entries
from nofreelunch.selection import pools, strategies
from nofreelunch.selection.query import Strategy


@pytest.mark.parametrize(("package", "registry"), [(pools, pools.POOLS), (strategies, strategies.STRATEGIES)])
def test_the_registry_holds_what_has_a_select_and_nothing_else(package, registry):
    files = [
        path
        for path in Path(package.__path__[0]).glob("*.py")
        if re.search(r"^(def )?select\b", path.read_text(), re.M)
    ]
    assert {path.stem for path in files} == set(registry)


def test_a_new_file_is_a_new_entry(tmp_path, monkeypatch):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf/__init__.py").touch()
    (tmp_path / "shelf/helper.py").write_text("number = 1\n")
    (tmp_path / "shelf/mine.py").write_text(
        "from nofreelunch.selection.declare import strategy\n\n\n"
        "def select(query):\n    return query.candidates[:1]\n\n\n"
        "ENTRY = strategy(select, uses_head=False)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = entries("shelf", [str(tmp_path / "shelf")])
    assert list(found) == ["mine"]
    assert isinstance(found["mine"], Strategy)
    assert not found["mine"].uses_head
