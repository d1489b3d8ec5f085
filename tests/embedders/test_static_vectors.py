import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_models import SPECIAL, WORDS, save_transformer, texts

from nofreelunch.base.errors import UserError
from nofreelunch.embedders.static_vectors import StaticVectors, word_vectors

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
    read = word_vectors([tmp_path / "model.safetensors"])
    assert read.dtype == np.float32
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
