"""Hidden labels and test rows poisoned in the files a cell is made from: nothing that was picked may change."""

from pathlib import Path

import numpy as np

from nofreelunch.base import layout, storage
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.strategies import STRATEGIES

# The oracle is told the true labels, and said to be a reference.
BLIND = [name for name, entry in STRATEGIES.items() if not getattr(entry, "uses_truth", False)]


def picks():
    """The acquired rows as they are on disk, and as a table."""
    path = layout.acquired("own", "vectors")
    return path.read_bytes(), storage.read_table(path)


def test_no_strategy_or_selection_sees_hidden_labels_or_test_rows(own, monkeypatch):
    params = own.params(grid={"strategies": BLIND, "pools": ["random", "typiclust"]})
    own.run(params)
    before, table = picks()
    scores = storage.read_table(layout.runs("own", "vectors"))

    hidden = np.setdiff1d(np.arange(len(own.labels["train"])), table["row"])
    assert len(hidden) > 50
    rng = np.random.default_rng(1)
    own.labels["train"][hidden] = (own.labels["train"][hidden] + rng.integers(1, 3, len(hidden))) % 3
    own.labels["test"] = own.labels["test"][::-1].copy()
    own.texts["test"] = [f"poison {i}" for i in range(len(own.texts["test"]))]
    own.vectors["test"] = 1e6 * rng.normal(size=own.vectors["test"].shape)
    own.write()
    monkeypatch.setenv("NOFREELUNCH_CACHE", "another")
    own.run(params)
    assert picks()[0] == before
    poisoned = storage.read_table(layout.runs("own", "vectors"))
    assert not np.array_equal(poisoned["accuracy"], scores["accuracy"])


def test_every_selection_ignores_labels_and_test_rows(own, monkeypatch):
    params = own.params(grid={"pools": sorted(POOLS)})
    own.run(params, "download", "embed", "initialize")
    before = layout.pools("own", "vectors").read_bytes()
    own.labels["train"] = own.labels["train"][::-1].copy()
    own.vectors["test"] *= -100
    own.write()
    monkeypatch.setenv("NOFREELUNCH_CACHE", "another")
    own.run(params, "download", "embed", "initialize")
    assert layout.pools("own", "vectors").read_bytes() == before


def test_features_and_scaling_are_fitted_on_the_pool_alone(own, monkeypatch):
    for scaling in ("none", "unit", "standardize"):
        params = own.params(head={"scaling": scaling}, grid={"embedders": ["lsa"]}, focus={"embedder": "lsa"})
        files = []
        for texts in ([f"test word{i} {i}" for i in range(60)], [f"quite other things {i}" for i in range(60)]):
            own.texts["test"] = texts
            own.write()
            monkeypatch.setenv("NOFREELUNCH_CACHE", f"memo-{scaling}-{texts[0]}")
            own.run(params, embedder="lsa")
            paths = (
                layout.embedding("own", "lsa", "train"),
                layout.pools("own", "lsa"),
                layout.acquired("own", "lsa"),
                layout.plane("own", "lsa"),
            )
            files.append([path.read_bytes() for path in paths])
        assert files[0] == files[1]


def test_a_hidden_label_is_not_among_what_a_strategy_gets(own):
    source = (Path(__file__).parents[2] / "src/nofreelunch/selection/query.py").read_text(encoding="utf-8")
    fields = source.partition("class Query:")[2].partition("@dataclass")[0]
    assert "truth" not in fields
    assert "test" not in fields
