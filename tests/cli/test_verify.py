"""`verify` on a tiny model: what it prints, and what it refuses."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "embedders"))

from tiny_models import save_decoder

from nofreelunch.base.card_examples import CARD_EXAMPLES, CardExample
from nofreelunch.base.errors import UserError
from nofreelunch.base.registry import EMBEDDERS
from nofreelunch.cli import verify
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_embedder import ModelEmbedder


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(tmp_path / "memo"))
    folder = save_decoder(tmp_path / "m")
    entry = {"hub": str(folder), "append_eos": True, "max_tokens": 16, "prompt": "{task} ", "dtype": "float32"}
    return Transformer(kind="transformer", **entry)


def example(spec, shift):
    model = ModelEmbedder(spec, None).models[0]
    queries, documents = model.encode(["w1", "w2"], "w5 ")[0], model.encode(["w3 w4", "w6"], "")[0]
    ours = queries @ documents.T / np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(documents, axis=1))
    return CardExample("w5", ("w1", "w2"), ("w3 w4", "w6"), tuple(map(tuple, (ours + shift).tolist())))


def test_ids_ends_norm_and_the_cards_similarities_are_printed(spec, monkeypatch):
    assert "nothing was compared" in verify.report(spec)[-1]
    monkeypatch.setitem(CARD_EXAMPLES, spec.hub, example(spec, 0.001))
    lines = "\n".join(verify.report(spec))
    assert "'Hello world' → [1, 0, 0, 2]" in lines
    assert "'front': ['<s>'], 'end': ['</s>'], 'padding': 'left'" in lines
    assert "16 dimensions, norm " in lines
    assert "similarities are 0.0010 apart at most" in lines


def test_similarities_far_from_the_cards_are_an_error(spec, monkeypatch):
    monkeypatch.setitem(CARD_EXAMPLES, spec.hub, example(spec, 0.1))
    with pytest.raises(UserError, match=r"0\.1000 apart. Check the revision, the prompt and the settings"):
        verify.report(spec)


@pytest.mark.parametrize(("name", "message"), [("minil", "Did you mean 'minilm'"), ("lsa", "lsa runs no transformer")])
def test_only_transformers_of_params_yaml_are_verified(name, message, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(UserError, match=message):
        verify.run(argparse.Namespace(embedder=name))


def test_every_example_belongs_to_a_registered_model():
    assert set(CARD_EXAMPLES) <= set(EMBEDDERS)
    for found in CARD_EXAMPLES.values():
        assert np.shape(found.cosines) == (len(found.queries), len(found.documents))
