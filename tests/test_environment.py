from pathlib import Path

import pytest

from nofreelunch.base.environment import folder, setting, whole_number
from nofreelunch.base.storage import Memo
from nofreelunch.space import device
from nofreelunch.tasks.mirror import mirror_root


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_variable_is_an_unset_one(monkeypatch, value):
    for name in ("NOFREELUNCH_CACHE", "NOFREELUNCH_JOBS", "NOFREELUNCH_DATA_ROOT", "NOFREELUNCH_DEVICE"):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert Memo.default().folder == Path(".cache")
    assert mirror_root() is None
    assert whole_number("NOFREELUNCH_JOBS", 7) == 7
    assert setting("NOFREELUNCH_CACHE") is None
    assert device.configured() == "cpu"


def test_a_tilde_is_ones_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NOFREELUNCH_CACHE", "~/nfl")
    assert Memo.default().folder == tmp_path / "nfl" == folder("NOFREELUNCH_CACHE")
