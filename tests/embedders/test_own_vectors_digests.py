"""Digests of one's own vectors and models, and links to them."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.embedders.kinds.hashing import Hashing
from nofreelunch.embedders.kinds.npy import Npy
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.own_files import lost, watch, watch_again

VECTORS = Npy(kind="npy", vectors="{dataset}.npy", texts="{dataset}.csv")
EMBEDDERS = {
    "vectors": VECTORS,
    "model": Transformer(kind="transformer", hub="model"),
    "plain": Hashing(kind="hashing"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model/1_Pooling").mkdir(parents=True)
    save_file({"a": np.zeros(2, np.float32)}, "model/model.safetensors")
    for name in ("config.json", "1_Pooling/config.json", "README.md"):
        Path("model", name).write_text("{}")
    for name in ("one", "two"):
        np.save(f"{name}.npy", np.ones((2, 3)))
        Path(f"{name}.csv").write_text("text\na\nb\n")
    return tmp_path


def digests():
    return {path.relative_to(layout.own_vectors()): path.read_bytes() for path in layout.own_vectors().rglob("*.json")}


def changed(before):
    return {path.as_posix() for path, content in digests().items() if before.get(path) != content}


def test_a_cell_changes_with_the_files_it_reads_and_no_other():
    assert watch(EMBEDDERS, ["one", "two"]) == 7
    before = digests()
    assert len(before) == 6
    watch(EMBEDDERS, ["one", "two"])
    assert digests() == before
    np.save("one.npy", np.zeros((2, 3)))
    watch(EMBEDDERS, ["one", "two"])
    assert changed(before) == {"one/vectors.json"}
    Path("two.csv").write_text("text\na\nc\n")
    Path("model/README.md").write_text("another")
    watch(EMBEDDERS, ["one", "two"])
    assert changed(before) == {"one/vectors.json", "two/vectors.json"}
    Path("model/1_Pooling/config.json").write_text('{"a": 1}')
    watch(EMBEDDERS, ["one", "two"])
    assert changed(before) == {f"{name}/{e}.json" for name in ("one", "two") for e in ("vectors", "model")}


def test_links_lead_to_every_file_and_to_no_other():
    watch(EMBEDDERS, ["one"])
    read = {"one.npy", "one.csv", "model/model.safetensors", "model/config.json", "model/1_Pooling/config.json"}
    assert {path.resolve() for path in layout.own_vectors_links().iterdir()} == {Path(name).resolve() for name in read}
    watch({"plain": EMBEDDERS["plain"]}, ["one"])
    (note,) = layout.own_vectors_links().iterdir()
    assert not note.is_symlink()
    assert set(map(str, digests())) == {"one/plain.json"}


def test_a_digest_outlives_files_that_are_gone_and_only_for_the_entry_it_was_made_of():
    watch_again(EMBEDDERS, ["one", "two"])
    assert not layout.own_vectors_links().exists()
    watch(EMBEDDERS, ["one", "two"])
    before = digests()
    Path("one.npy").rename("other.npy")
    Path("model").rename("elsewhere")
    watch_again(EMBEDDERS, ["one", "two"])
    assert all(path.exists() for path in layout.own_vectors_links().iterdir())
    assert watch(EMBEDDERS, ["one", "two"]) == 3
    assert digests() == before
    Path("other.npy").rename("one.npy")
    watch_again(EMBEDDERS, ["one", "two"])
    assert len(list(layout.own_vectors_links().iterdir())) == 4
    with pytest.raises(UserError, match=r"missing\.npy cannot be read: No such file"):
        watch({"vectors": VECTORS.model_copy(update={"vectors": "missing.npy"})}, ["one"])
    watch({"model": Transformer(kind="transformer", hub="org/model")}, ["one"])
    assert storage.read_json(layout.own_vectors_of("one", "model"))["sha256"] == {}


def test_files_that_are_gone_are_named_and_those_without_a_digest_refused(folder):
    watch(EMBEDDERS, ["one", "two"])
    assert lost(EMBEDDERS, ["one", "two"]) == []
    Path("one.npy").unlink()
    assert lost(EMBEDDERS, ["one", "two"]) == ["one.npy"]
    Path("model/config.json").unlink()
    assert lost(EMBEDDERS, ["two"]) == []
    Path("model").rename("other")
    assert lost(EMBEDDERS, ["two"]) == [
        "model/model.safetensors",
        "model/1_Pooling/config.json",
        "model/config.json",
    ]
    assert lost({"model": Transformer(kind="transformer", hub="org/model")}, ["two"]) == []
    with pytest.raises(UserError, match=r"three\.npy cannot be read: No such file"):
        lost(EMBEDDERS, ["three"])
