"""Vectors that other hardware left in the memo are found, whole sets of them only, and the card says where from."""

import numpy as np
import pytest
from tiny_models import texts

from nofreelunch.base.storage import Memo
from nofreelunch.embedders import encoding, shards
from nofreelunch.embedders.adapter import CPU, HARDWARE
from nofreelunch.embedders.encoding import CHUNK_TEXTS
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.tasks.table import Split

GPU = HARDWARE[0]
TASK = tuple(
    Split([f"{text} {seed}{i}" for i, text in enumerate(texts(n, 9, seed))], None, np.zeros(n, np.int64))
    for seed, n in ((0, CHUNK_TEXTS + 40), (1, 20))
)
NAMES = ("joined", "task")


@pytest.fixture(autouse=True)
def chunks_of_one_size(monkeypatch):
    monkeypatch.setattr(encoding, "GPU_CHUNK_TEXTS", CHUNK_TEXTS)


@pytest.fixture
def spec(bert_folder):
    return Transformer(kind="transformer", hub=str(bert_folder), max_tokens=16)


def chunks_of(spec, memo, where):
    """The entries that a worker with such hardware makes; a GPU's half precision is computed on the CPU here."""
    embedder = ModelEmbedder(spec, memo, where)
    wanted = embedder.missing(embedder.texts(*TASK, *NAMES))
    model = ModelEmbedder(spec, memo, where, ["cpu"])
    return {key: shards.encode_chunk(model.encoders("")[0], chunk, model.clock)[0] for (key,), chunk in wanted.items()}


def vectors(embedding):
    return embedding.arrays()["train"]


def test_a_machine_without_a_gpu_assembles_what_a_gpu_embedded(spec, tmp_path, monkeypatch):
    memo = Memo(tmp_path)
    made = chunks_of(spec, memo, GPU)
    assert len(made) == 2
    for key, entry in made.items():
        memo.save(key, entry)
    monkeypatch.setattr(SentenceModel, "__init__", lambda *_: pytest.fail("a model was loaded"))
    here = ModelEmbedder(spec, memo)
    assert here.where == CPU
    assert here.missing(here.texts(*TASK, *NAMES)) == {}
    found = here.embed(*TASK, *NAMES)
    assert (found.card["device"], found.card["dtype"]) == ("cuda", "bfloat16")
    assert np.isfinite(vectors(found)).all()


def test_vectors_of_two_kinds_of_hardware_are_never_mixed(spec, tmp_path):
    alone = ModelEmbedder(spec, Memo(tmp_path / "alone")).embed(*TASK, *NAMES)
    memo = Memo(tmp_path / "shared")
    made = chunks_of(spec, memo, GPU)
    first, second = made
    memo.save(first, made[first])
    mixed = ModelEmbedder(spec, memo).embed(*TASK, *NAMES)
    assert (mixed.card["device"], mixed.card["dtype"]) == ("cpu", "float32")
    assert vectors(mixed).tobytes() == vectors(alone).tobytes()

    # With all of both, everyone takes the better ones; one that was altered does not count.
    memo.save(second, made[second])
    assert ModelEmbedder(spec, memo).embed(*TASK, *NAMES).card["device"] == "cuda"
    path = memo._path(second)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = ModelEmbedder(spec, memo).embed(*TASK, *NAMES)
    assert (again.card["device"], vectors(again).tobytes()) == ("cpu", vectors(alone).tobytes())


def test_a_worker_keeps_one_model_for_all_tasks(spec, bert_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_loaded", {})
    files = ModelEmbedder(spec, Memo(tmp_path)).files
    loads = []
    real = SentenceModel.__init__

    def counted(self, *arguments):
        loads.append(arguments)
        real(self, *arguments)

    monkeypatch.setattr(SentenceModel, "__init__", counted)
    for model, key, prompt in (
        (spec, "a", ""),
        (spec, "b", "w1 "),
        (spec.model_copy(update={"max_tokens": 8}), "c", ""),
    ):
        entry = shards._encode(model, (), CPU, files.weights, files.configuration, {}, ((key,), prompt, ["w2", "w3"]))
        assert entry[key]["vectors"].shape[0] == 2
    assert len(loads) == 2
    assert len(shards._loaded) == 1
    with pytest.raises(shards.UserError, match="a worker finds other files of"):
        shards._encode(spec, (), CPU, "other", files.configuration, {}, (("a",), "", ["w2"]))
