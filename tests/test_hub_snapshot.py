"""The loopback hub with the client libraries as they are, and the project's own snapshots of it."""

import io

import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.base.hub import snapshot


def test_sentence_transformers_loads_a_model_by_id_and_revision(hub, model, tmp_path):
    import numpy as np
    from sentence_transformers import SentenceTransformer

    revision, built = model
    hub.commit("model", "me/tiny-bert", {"config.json": b"{}"})
    loaded = SentenceTransformer("me/tiny-bert", revision=revision, device="cpu", cache_folder=str(tmp_path / "st"))
    texts = ["good film", "bad film"]
    assert np.array_equal(loaded.encode(texts), built.encode(texts))


def test_datasets_loads_a_data_set_by_id_and_revision(hub, parquet):
    from datasets import load_dataset

    rows = {"text": ["a", "b"], "label": [0, 1]}
    revision = hub.commit("dataset", "me/tiny", {"data/train.parquet": parquet(rows)})
    hub.commit("dataset", "me/tiny", {"data/train.parquet": parquet({"text": ["newer"], "label": [0]})})
    assert load_dataset("me/tiny", revision=revision, split="train")[:] == rows


def test_a_snapshot_of_a_model_is_named_by_its_commit(hub, model):
    revision, _ = model
    folder = snapshot("me/tiny-bert", "model", None, ["*.json", "*.safetensors"], ["vocab*"])
    assert folder.name == revision
    assert (folder / "model.safetensors").is_file()
    assert (folder / "modules.json").is_file()


def test_only_what_is_asked_for_is_fetched(hub):
    hub.commit("model", "me/x", {"a.json": b"{}", "b.bin": b"!", "onnx/c.json": b"{}"})
    folder = snapshot("me/x", "model", None, ["*.json"], ["onnx/*"])
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["a.json"]
    assert not any("b.bin" in path for path in hub.requests)


def test_a_dataset_is_no_model(hub):
    hub.commit("dataset", "me/x", {"a.json": b"{}"})
    with pytest.raises(UserError, match="has no model 'me/x'"):
        snapshot("me/x", "model", None, ["*.json"])


def test_what_cannot_pass_is_not_tried_again(hub, monkeypatch):
    monkeypatch.setattr("nofreelunch.base.hub.WAITS", (1e9,))
    with pytest.raises(UserError, match="has no model"):
        snapshot("me/x", "model", None, ["*"])


def test_a_cache_that_cannot_be_written_is_named(hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    hub.commit("model", "me/x", {"a.json": b"{}"})
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(UserError, match=r"cannot write me/x to the hub's cache .*file/hub: Not a directory"):
        snapshot("me/x", "model", None, ["*.json"])


def test_an_interrupted_download_goes_on(hub):
    content = io.BytesIO(b"x" * 1000).getvalue()
    hub.commit("model", "me/x", {"a.json": b"{}", "b.json": content})
    folder = snapshot("me/x", "model", None, ["a.json"])
    fetched = len([path for path in hub.requests if "a.json" in path])
    hub.failures = 1
    again = snapshot("me/x", "model", None, ["*.json"])
    assert again == folder
    assert (again / "b.json").read_bytes() == content
    assert len([path for path in hub.requests if "resolve" in path and "a.json" in path]) <= fetched + 2
