"""A strategy outside the repository: the contract, then a race."""

from types import SimpleNamespace

import numpy as np
import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.cells.simulation import Cell
from nofreelunch.cli import trial
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.contract import blobs

GOOD = """import numpy as np


def select(query, *, power: float = 1.0):
    p = np.sort(query.probabilities[query.candidates], axis=1)
    margins = (p[:, -1] - p[:, -2]) ** power
    return query.candidates[np.argsort(margins, kind="stable")[: query.batch_size]]
"""
WRONG = {
    "too few": ("return query.candidates[: query.batch_size - 1]", "rows, not"),
    "labelled rows": ("return query.labelled[: query.batch_size]", "labelled already|rows, not"),
    "positions": ("return np.arange(min(query.batch_size, len(query.candidates)))", "candidates"),
    "its own randomness": (
        "return np.random.default_rng().permutation(query.candidates)[: query.batch_size]",
        "draw from query.rng alone",
    ),
    "writes": ("query.features[:] = 0; return query.candidates[: query.batch_size]", "shared: copy them"),
    "a crash": ("raise KeyError('x')", "KeyError"),
    "an end without a word": ("raise SystemExit(0)", "SystemExit"),
}


@pytest.fixture
def track(monkeypatch):
    features, labels = blobs(160, 8, 3)
    cell = Cell.of("task", "embedder", features[:100], features[100:], labels[100:], 3, LogisticSpec())
    monkeypatch.setattr(trial.Track, "built_in", lambda: trial.Track(cell, labels[:100]))


def tried(folder, text, seeds=2):
    (folder / "mine.py").write_text(text)
    trial.run(SimpleNamespace(file=str(folder / "mine.py"), seeds=seeds))


def test_a_good_strategy_races_and_equals_the_one_it_is(tmp_path, track, capsys):
    tried(tmp_path, GOOD)
    said = capsys.readouterr().out
    assert "no  " not in said
    rows = {line.split()[0]: line for line in said.splitlines()[-4:]}
    assert set(rows) == {"random", "margin", "badge", "yours"}
    assert rows["yours"].split()[1] == rows["margin"].split()[1]
    assert "±" in rows["yours"]


@pytest.mark.parametrize(("body", "message"), WRONG.values(), ids=WRONG)
def test_each_wrong_strategy_is_refused_before_the_race(tmp_path, capsys, body, message):
    with pytest.raises(UserError, match=r"breaks .* of the contract's cases: an ordinary request"):
        tried(tmp_path, f"import numpy as np\n\n\ndef select(query):\n    {body}\n")
    said = capsys.readouterr().out
    assert np.any([part in said for part in message.split("|")])
    assert "A race" not in said


def test_what_is_no_strategy_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text("select = 3\n")
    with pytest.raises(UserError, match="is a int, neither"):
        trial.load(str(tmp_path / "mine.py"))
