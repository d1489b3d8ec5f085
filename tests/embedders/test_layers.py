import numpy as np
import pytest
from pydantic import ValidationError
from tiny_models import save_sentence_model, save_transformer, texts

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.embedders.embed import embed
from nofreelunch.embedders.facts import facts_of
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.model_entry import layers_beside
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.tasks.table import Split

TEXTS = texts(40, 12)
LAYERS = (None, 0, 1, 2)


def split(rows):
    return Split(rows, None, np.zeros(len(rows), int))


TASK = (split(TEXTS[:30]), split(TEXTS[30:]), "joined")


def entry(folder, layers=None, **more):
    return Transformer(kind="transformer", hub=str(folder), max_tokens=16, layers=layers, **more)


def naive(folder, ids, layer):
    """The mean over a text's tokens of transformers' own hidden states, one text at a time, nothing padded."""
    import torch
    from transformers import AutoModel

    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder).eval()(input_ids=ids, output_hidden_states=True).hidden_states
    return states[layer][0].mean(0).numpy()


@pytest.mark.parametrize("family", ["bert", "mpnet", "qwen2"])
def test_layers_are_the_means_of_hidden_states(tmp_path, family):
    folder = save_transformer(tmp_path, family)
    model = ModelEmbedder(entry(folder), Memo(tmp_path / "memo"), beside=(0, 1, 2)).models[0]
    found, tokens = model.encode_layers(TEXTS, "", LAYERS)
    assert len(found) == 4
    ids = [model.tokens.features([text], "")[0]["input_ids"] for text in TEXTS[:6]]
    for layer in (0, 1, 2):
        expected = np.array([naive(folder, row, layer) for row in ids])
        assert np.allclose(found[layer + 1][:6], expected, atol=1e-5)
    assert len(tokens) == len(TEXTS)


def test_layers_do_not_change_each_other_or_the_whole_model(bert_folder, tmp_path):
    def model():
        return ModelEmbedder(entry(bert_folder), Memo(tmp_path)).models[0]

    whole, _ = model().encode(TEXTS, "")
    together, _ = model().encode_layers(TEXTS, "", LAYERS)
    assert whole.tobytes() == together[0].tobytes()
    for place, layer in enumerate(LAYERS):
        (alone,), _ = model().encode_layers(TEXTS, "", (layer,))
        assert alone.tobytes() == together[place].tobytes()


def test_one_pass_gives_the_vectors_of_all_entries(bert_folder, tmp_path, monkeypatch):
    specs = [entry(bert_folder, layers) for layers in LAYERS]
    apart = [embed(spec, *TASK, Memo(tmp_path / str(i)), "task").arrays() for i, spec in enumerate(specs)]
    passes = []
    real = SentenceModel._pass
    monkeypatch.setattr(SentenceModel, "_pass", lambda self, *rest: passes.append(len(rest[1])) or real(self, *rest))
    memo = Memo(tmp_path / "memo")
    found = [embed(specs[2], *TASK, memo, "task", grid=specs)]
    assert passes[-1] == 4
    monkeypatch.setattr(SentenceModel, "__init__", lambda *_: pytest.fail("a model was loaded"))
    found += [embed(spec, *TASK, memo, "task", grid=specs) for spec in specs]
    assert [item.card["pooling"] for item in found[1:]] == [
        "mean + normalize", "mean after layer 0", "mean after layer 1", "mean after layer 2",
    ]  # fmt: skip
    for item, alone in zip(found, [apart[2], *apart], strict=True):
        assert all(item.arrays()[name].tobytes() == alone[name].tobytes() for name in alone)


def test_what_is_missing_of_a_sibling_counts(bert_folder, tmp_path):
    memo = Memo(tmp_path)
    embed(entry(bert_folder, 1), *TASK, memo, "task")
    both = ModelEmbedder(entry(bert_folder, 1), memo, beside=(0,))
    wanted = both.missing(both.texts(*TASK, "task"))
    assert {len(keys) for keys in wanted} == {2}
    alone = ModelEmbedder(entry(bert_folder, 1), memo)
    assert alone.missing(alone.texts(*TASK, "task")) == {}


def test_only_entries_that_differ_in_layers_alone_are_beside(bert_folder):
    spec = entry(bert_folder, 1)
    others = [
        spec,
        entry(bert_folder),
        entry(bert_folder, 0),
        entry(bert_folder, 0, normalise=True),
        entry("other", 2),
        Transformer(kind="transformer", hub=str(bert_folder), max_tokens=16, static=True),
    ]
    assert layers_beside(spec, others) == (None, 0)
    assert layers_beside(others[-1], others) == ()


def test_options_after_pooling_hold_for_layers_too(bert_folder, tmp_path):
    plain = embed(entry(bert_folder, 1), *TASK, Memo(tmp_path), "task").arrays()["train"]
    unit = embed(entry(bert_folder, 1, truncate_dim=5, normalise=True), *TASK, Memo(tmp_path), "task").arrays()["train"]
    cut = plain[:, :5]
    assert np.allclose(unit, cut / np.linalg.norm(cut, axis=1, keepdims=True), atol=1e-6)


def test_a_layer_that_is_not_there_is_refused(tmp_path):
    folder = save_sentence_model(tmp_path)
    with pytest.raises(UserError, match=r"layers is 3, but .* has 2; lower it"):
        embed(entry(folder, 3), *TASK, Memo(tmp_path / "memo"), "task")


def test_layers_go_with_the_mean_alone():
    with pytest.raises(ValidationError, match="layers goes with the mean"):
        entry("me/model", 1, pooling="cls")
    with pytest.raises(ValidationError, match="no use for layers"):
        entry("me/model", 1, static=True)


def test_the_registry_knows_a_model_that_is_cut():
    def facts(**more):
        return facts_of(Transformer(kind="transformer", hub="sentence-transformers/all-mpnet-base-v2", **more))

    assert (facts(layers=3).active, facts(layers=3).mteb) == (3 * 7_087_872, None)
    assert (facts(static=True).active, facts(layers=0).active, facts(layers=12).active) == (0, 0, facts().active)
