"""Every kind of memo entry, damaged: noticed, computed again to the same outputs, and whole afterwards."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from nofreelunch.base import layout, provenance
from nofreelunch.base.storage import Memo
from nofreelunch.selection.pools import POOLS, kmeans
from nofreelunch.selection.strategies import STRATEGIES, entropy
from nofreelunch.tasks import docs

ROOT = Path(__file__).parents[2]
# What only an entry of this kind holds.
KINDS = {
    "vectors": "embedding chunk",
    "train": "text features",
    "rows": "initial pool",
    "acquired": "run",
    "diagnostics": "portrait",
    "json": "docstrings",
}


def kind(entry):
    return next((name for field, name in KINDS.items() if field in entry), "probe")


def truncated(content, rng):
    return content[: rng.integers(len(content))]


def flipped(content, rng):
    changed = bytearray(content)
    bit = int(rng.integers(8 * len(content)))
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def outputs():
    """All that DVC hashes."""
    return {path: path.read_bytes() for path in Path("data").rglob("*.*") if layout.TIMINGS not in path.parents}


def contents(entry):
    return {name: (array.dtype, array.tolist()) for name, array in entry.items() if name != "seconds"}


@pytest.mark.parametrize("damaged", [truncated, flipped])
def test_a_damaged_entry_of_any_kind_is_computed_again_and_mended(own, damaged):
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["embedders"]
    params = own.params(embedders={"static": shipped["minilm_static"]}, grid={"strategies": ["random", "badge"]})
    own.run(params, "download")

    def run():
        own.run(params, "embed", embedder="static")
        own.run(params, "embed", "initialize", "active_learn", embedder="lsa")
        return outputs(), docs._read("joblib", "joblib", Memo.default())

    expected, rng, seen = run(), np.random.default_rng(0), set()
    for path in sorted(Path("memo").glob("??/*")):
        whole = Memo.default().load(path.name)
        path.write_bytes(damaged(path.read_bytes(), rng))
        assert Memo.default().load(path.name) is None
        assert run() == expected
        assert contents(Memo.default().load(path.name)) == contents(whole)
        seen.add(kind(whole))
    assert seen == {*KINDS.values(), "probe"}


def stored():
    """How many entries of each kind the memo holds."""
    kinds = [kind(Memo.default().load(path.name)) for path in Path("memo").glob("??/*")]
    return {name: kinds.count(name) for name in set(kinds)}


@pytest.mark.parametrize("fact", ["numpy", "scipy", "scikit-learn", "blas", "simd"])
def test_results_of_other_releases_and_other_processors_are_never_mixed(own, monkeypatch, fact):
    own.run(own.params())
    before = stored()
    other = provenance.environment() | {fact: "another"}
    for module in ("experiment", "initial_pools", "portrait"):
        monkeypatch.setattr(f"nofreelunch.cells.{module}.environment", lambda: other)
    own.run(own.params(), "initialize", "active_learn")
    assert stored() == {name: 2 * count for name, count in before.items()}
    own.run(own.params(), "initialize", "active_learn")
    assert stored() == {name: 2 * count for name, count in before.items()}


def test_an_entry_that_points_at_another_function_is_computed_anew(own, monkeypatch):
    own.run(own.params())
    before = stored()
    margin = STRATEGIES["margin"]
    for entry in (replace(margin, select=entropy.select), replace(margin, needs_linear_head=True)):
        monkeypatch.setitem(STRATEGIES, "margin", entry)
        own.run(own.params(), "active_learn")
    assert stored() == before | {"run": before["run"] + 2}
    monkeypatch.setitem(POOLS, "random", kmeans.select)
    own.run(own.params(), "initialize")
    assert stored()["initial pool"] == before["initial pool"] + 1
