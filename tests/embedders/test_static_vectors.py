from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_models import SPECIAL, WORDS, save_transformer, texts, tokenizer

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.embedders import wheels
from nofreelunch.embedders.static_embedder import StaticEmbedder
from nofreelunch.embedders.static_vectors import StaticVectors, word_vectors

SHIPPED = params.load(Path(__file__).parents[2] / "params.yaml")

TABLE = "embeddings.word_embeddings.weight"


def by_hand(table, text, longest):
    words = [word for word in text.split()[: longest - 2] if word not in SPECIAL]
    rows = [table[(SPECIAL + WORDS).index(word)] for word in words]
    return np.mean(rows, axis=0) if rows else np.zeros(table.shape[1])


@pytest.mark.parametrize("max_tokens", [8, 64])
def test_mean_of_the_table_over_the_tokens_the_model_would_see(bert_folder, max_tokens):
    table = load_file(bert_folder / "model.safetensors")[TABLE]
    sample = [*texts(30, 20), "", "w1 [SEP] w2", "[CLS] [SEP]"]
    vectors, tokens = StaticVectors(bert_folder, [bert_folder / "model.safetensors"], max_tokens).encode(sample)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, [by_hand(table, text, max_tokens) for text in sample], atol=1e-6)
    assert tokens.tolist() == [len(text.split()) + 2 for text in sample]


def test_equals_the_running_models_input_embeddings(bert_folder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(bert_folder), device="cpu")
    rows = model.transformers_model.get_input_embeddings()(model.tokenizer("w4 w7", return_tensors="pt")["input_ids"])
    vectors, _ = StaticVectors(bert_folder, [bert_folder / "model.safetensors"], 16).encode(["w4 w7"])
    assert np.allclose(vectors[0], rows[0, 1:-1].mean(0).detach(), atol=1e-6)


def test_bfloat16_tables_are_widened(tmp_path):
    import torch
    from safetensors.torch import save_file

    table = torch.randn(4, 3).bfloat16()
    save_file({"model.embed_tokens.weight": table}, tmp_path / "model.safetensors")
    name, read = word_vectors([tmp_path / "model.safetensors"])
    assert (name, read.dtype) == ("model.embed_tokens.weight", np.float32)
    assert np.array_equal(read, table.float().numpy())


def test_no_table(tmp_path):
    from safetensors.numpy import save_file

    save_file({"other": np.zeros((2, 2), np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"has 0: \(none\)"):
        word_vectors([tmp_path / "model.safetensors"])


def test_no_tokenizer(tmp_path):
    folder = save_transformer(tmp_path, "bert")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        StaticVectors(folder, [folder / "model.safetensors"], 16)


@pytest.fixture(scope="module")
def table_folder(tmp_path_factory):
    """A model that is nothing but a table, as sentence-transformers saves it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    table = np.random.default_rng(0).normal(size=(len(SPECIAL + WORDS), 6)).astype(np.float32)
    module = StaticEmbedding(tokenizer("bert").backend_tokenizer, embedding_weights=table)
    folder = tmp_path_factory.mktemp("table")
    SentenceTransformer(modules=[module], device="cpu").save(str(folder), create_model_card=False)
    return folder


def test_a_model_that_is_a_table_has_the_vectors_of_sentence_transformers(table_folder):
    from sentence_transformers import SentenceTransformer

    sample = [*texts(30, 20), "", "w1 [SEP] w2", "[CLS] [SEP]", "w3 " * 900, "wörter 日本 🤖"]
    vectors, tokens = StaticVectors(table_folder, [table_folder / "model.safetensors"], 10**6).encode(sample)
    theirs = SentenceTransformer(str(table_folder), device="cpu").encode(sample)
    assert np.allclose(vectors, theirs, atol=1e-6)
    assert tokens[30:34].tolist() == [0, 3, 2, 900]


def test_fewer_dimensions_are_the_first_ones(table_folder):
    files = [table_folder / "model.safetensors"]
    whole, _ = StaticVectors(table_folder, files, 64).encode(texts(9, 20))
    cut, _ = StaticVectors(table_folder, files, 64, 4).encode(texts(9, 20))
    assert np.array_equal(cut, whole[:, :4])
    with pytest.raises(UserError, match=r"truncate_dim is 7, but .* gives 6"):
        StaticVectors(table_folder, files, 64, 7)


def test_a_half_precision_table_is_averaged_in_single_precision(table_folder, tmp_path):
    from safetensors.numpy import save_file

    half = load_file(table_folder / "model.safetensors")["embedding.weight"].astype(np.float16)
    save_file({"embedding.weight": half}, tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_bytes((table_folder / "tokenizer.json").read_bytes())
    vectors, _ = StaticVectors(tmp_path, [tmp_path / "model.safetensors"], 64).encode(["w1 w2 w3"])
    rows = half[[(SPECIAL + WORDS).index(word) for word in ("w1", "w2", "w3")]]
    assert np.allclose(vectors[0], rows.astype(np.float64).mean(0), atol=1e-7)


# Dimensions 0, 1, 2 and 255 as WordLlama's own inference code (0.4.0.post1) gives them.
WORDLLAMA = {
    "The film was great.": [-0.1013580, 0.0784462, -0.0383728, 0.0098145],
    "naïve café 日本語 🤖": [-0.3159398, 0.2413984, 0.1463536, -0.2113800],
    "struck <s>out</s>": [-0.0993530, 0.2265930, -0.1116333, 0.1263794],
    "": [0.0000000, 0.0000000, 0.0000000, 0.0000000],
}


@pytest.mark.parametrize("name", ["wordllama", "wordllama_64"])
def test_wordllama_has_the_vectors_of_its_authors_code(name):
    spec = SHIPPED.embedders[name]
    if not wheels.is_unpacked(spec.wheels, Memo.default(), spec.files):
        pytest.skip(f"the wheel of {name} has not been fetched")
    vectors, tokens = StaticEmbedder(spec, Memo.default()).vectors.encode(list(WORDLLAMA))
    chosen = [0, 1, 2] if spec.truncate_dim else [0, 1, 2, 255]
    assert vectors.shape == (len(WORDLLAMA), spec.truncate_dim or 256)
    assert np.allclose(vectors[:, chosen], [row[: len(chosen)] for row in WORDLLAMA.values()], atol=1e-6)
    assert tokens[-1] == 0
