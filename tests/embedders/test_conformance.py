"""Vectors against independent references: the kit of the authors' own code where it is at hand, else tiny models."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_models import WORDS, edit_json, save_decoder, save_nv_embed, texts
from transformers import MistralConfig, MistralModel, Qwen2Model

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.embedders.adapter import CPU
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.embedders.settings import Settings

ROOT = Path(__file__).parents[2]
KIT = ROOT.parent / "shared" / "conformance"
EMBEDDERS = params.load(ROOT / "params.yaml").embedders
SETS = [
    pytest.param(path.parents[1].name, path.stem, id=f"{path.parents[1].name}-{path.stem}")
    for path in sorted(KIT.glob("*/expected/*.npy"))
] or [pytest.param("", "", marks=pytest.mark.skip("the conformance kit is not here"))]
TOLERANCE = 1e-5


def kit_model(name, which, folder):
    """A model of the kit by its entry in params.yaml, with what a set changes, and the set's prompt."""
    facts = json.loads((KIT / name / "facts.json").read_text())
    change = {"dtype": "float32", "normalise": not which.endswith("unnormalised")}
    if not which.startswith("prompt") or which == "prompt_no_response":
        change["suffix"] = ""
    if name == "nv_embed_v2":
        change["keep_eos"] = which.endswith("eos_kept")
    entry = EMBEDDERS[name].model_copy(update=change)
    prompt = (entry.prompt or "").replace("{task}", facts["task"]) if which.startswith("prompt") else ""
    assert prompt == (facts["prompt"] if which.startswith("prompt") else "")
    return SentenceModel(folder, ModelEmbedder(entry, None).settings(CPU), "cpu"), prompt


def ids(model, some, prompt):
    features, _ = model.tokens.features(some, prompt)
    rows = zip(features["input_ids"], features["attention_mask"], strict=True)
    return [row[mask.bool()].tolist() for row, mask in rows]


def assert_conforms(name, which, folder):
    model, prompt = kit_model(name, which, folder)
    inputs = json.loads((KIT / "inputs.json").read_text())["texts"]
    expected = np.load(KIT / name / "expected" / f"{which}.npy")
    known = json.loads((KIT / name / "expected" / "ids.json").read_text())
    assert ids(model, inputs, prompt) == known[which.removesuffix("_unnormalised")]
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert np.abs(model.encode(inputs, prompt)[0] - expected).max() < TOLERANCE
    finally:
        torch.set_num_threads(before)
    for i, text in enumerate(inputs):
        assert np.abs(model.encode([text], prompt)[0] - expected[i]).max() < TOLERANCE
        assert np.abs(model.encode([text] * 3, prompt)[0] - expected[i]).max() < TOLERANCE


def folder_of(name):
    return ModelEmbedder(EMBEDDERS[name], None).files.folder if name == "minilm" else KIT / name


@pytest.mark.parametrize(("name", "which"), SETS)
def test_every_set_of_the_kit(name, which):
    assert_conforms(name, which, folder_of(name))


@pytest.mark.skipif(not KIT.is_dir(), reason="the conformance kit is not here")
@pytest.mark.parametrize("name", ["sfr_2", "bge_en_icl"])
def test_the_kit_with_eos_in_the_tokenizers_file(tmp_path, name):
    folder = shutil.copytree(KIT / name, tmp_path / name)
    (folder / "tokenizer_eos_in_file.json").replace(folder / "tokenizer.json")
    assert_conforms(name, "prompt", folder)


@pytest.mark.skipif(not KIT.is_dir(), reason="the conformance kit is not here")
@pytest.mark.parametrize("name", ["gte_qwen2_7b", "stella_1_5b"])
def test_the_kit_with_and_without_is_causal_in_its_config(tmp_path, name):
    folder = shutil.copytree(KIT / name, tmp_path / name)
    edit_json(folder / "config.json", lambda config: config.pop("is_causal", None))
    assert_conforms(name, "prompt", folder)


@pytest.mark.skipif(not KIT.is_dir(), reason="the conformance kit is not here")
def test_the_kit_refuses_append_eos_behind_sep():
    entry = EMBEDDERS["bert_base"].model_copy(update={"append_eos": True})
    with pytest.raises(UserError, match="no end-of-sequence token; remove append_eos"):
        SentenceModel(KIT / "bert_base", ModelEmbedder(entry, None).settings(CPU), "cpu")


TEXTS = [*texts(20, 12), " ".join(WORDS), "w1", "w2"]
BASE = Settings(24, None, None, True, None, False, "float32", False)


def by_hand(front, prompt, text):
    """Front, prompt and text cut to leave room for the EOS, and the EOS."""
    words = [6 + WORDS.index(word) for word in (prompt + text).split()]
    return torch.tensor([[*[*front, *words][:23], 2]])


def states_of(model, row, *, causal):
    """(tokens, 16) of one text, by a mask that says for each pair of positions whether one sees the other."""
    size = row.shape[1]
    seen = torch.ones(size, size, dtype=torch.bool)
    mask = torch.where(seen.tril() if causal else seen, 0.0, torch.finfo(torch.float32).min)
    with torch.inference_mode():
        return model(input_ids=row, attention_mask=mask[None, None]).last_hidden_state[0]


@pytest.mark.parametrize("prompt", ["", "w3 w4 "])
@pytest.mark.parametrize("attention", ["bidirectional", None])
@pytest.mark.parametrize(("family", "reference"), [("mistral", MistralModel), ("qwen2", Qwen2Model)])
def test_decoders_equal_a_plain_reference(tmp_path, family, reference, attention, prompt):
    folder = save_decoder(tmp_path / "m", family)
    model = SentenceModel(folder, Settings(**{**vars(BASE), "attention": attention}), "cpu")
    plain = reference.from_pretrained(folder).eval()
    assert plain.config.rope_parameters["rope_theta"] == 50.0
    rows = [by_hand([1], prompt, text) for text in TEXTS]
    assert ids(model, TEXTS, prompt) == [row[0].tolist() for row in rows]
    expected = np.stack([states_of(plain, row, causal=attention is None)[-1].numpy() for row in rows])
    assert np.abs(model.encode(TEXTS, prompt)[0] - expected).max() < TOLERANCE
    for i in (0, 20, 21):
        assert np.abs(model.encode([TEXTS[i]] * 2, prompt)[0] - expected[i]).max() < TOLERANCE


def latent_reference(folder, states):
    """Latent attention in float64, after the formula of arXiv 2405.17428, head by head."""
    weights = {}
    for path in folder.glob("*.safetensors"):
        found = {name: tensor for name, tensor in load_file(path).items() if name.startswith("latent")}
        weights |= {name.partition(".")[2]: tensor.double().numpy() for name, tensor in found.items()}

    def norm(rows, name):
        scaled = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + 1e-5)
        return scaled * weights[name + ".weight"] + weights[name + ".bias"]

    attend, feed = "cross_attend_blocks.0.", "cross_attend_blocks.1."
    queries = norm(states, attend + "norm") @ weights[attend + "fn.to_q.weight"].T
    both = norm(weights["latents"], attend + "norm_context") @ weights[attend + "fn.to_kv.weight"].T
    heads = []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        scores = np.exp(queries[:, part] @ both[:, :16][:, part].T / np.sqrt(8))
        heads.append(scores / scores.sum(1, keepdims=True) @ both[:, 16:][:, part])
    states = states + np.concatenate(heads, 1) @ weights[attend + "fn.to_out.weight"].T
    wide = norm(states, feed + "norm") @ weights[feed + "fn.net.0.weight"].T + weights[feed + "fn.net.0.bias"]
    gate = torch.nn.functional.gelu(torch.from_numpy(wide[:, 64:])).numpy()
    return states + (wide[:, :64] * gate) @ weights[feed + "fn.net.2.weight"].T + weights[feed + "fn.net.2.bias"]


@pytest.mark.parametrize(("prompt", "skipped"), [("", 0), ("w3 w4 ", 2)])
@pytest.mark.parametrize("side", ["right", "left"])
def test_nv_embed_equals_a_plain_reference(tmp_path, prompt, skipped, side):
    folder = save_nv_embed(tmp_path / "m")
    model = SentenceModel(folder, Settings(**{**vars(BASE), "padding_side": side}), "cpu")
    inner = json.loads((folder / "config.json").read_text())["text_config"]
    config = MistralConfig(**{**inner, "model_type": "mistral", "sliding_window": None})
    mapping = {r"^embedding_model\.": ""}
    plain = MistralModel.from_pretrained(folder, config=config, key_mapping=mapping).eval()
    assert config.rope_parameters["rope_theta"] == 50.0
    expected = []
    for text in TEXTS:
        states = states_of(plain, by_hand([1], prompt, text), causal=False).double().numpy()
        mean = latent_reference(folder, states)[skipped:].mean(0)
        expected.append(mean / np.linalg.norm(mean))
    assert np.abs(model.encode(TEXTS, prompt)[0] - expected).max() < TOLERANCE
    for i in (0, 20, 21):
        assert np.abs(model.encode([TEXTS[i]] * 2, prompt)[0] - expected[i]).max() < TOLERANCE


def test_nv_embed_refuses_what_does_not_fit_it(tmp_path):
    folder = save_nv_embed(tmp_path / "m")
    with pytest.raises(UserError, match="latent attention; remove 'pooling'"):
        SentenceModel(folder, Settings(**{**vars(BASE), "pooling": "mean"}), "cpu")
    with pytest.raises(UserError, match="set 'append_eos: true'"):
        SentenceModel(folder, Settings(**{**vars(BASE), "append_eos": None}), "cpu")
    edit_json(folder / "model.safetensors.index.json", lambda index: index["weight_map"].popitem())
    shard = next(folder.glob("*.safetensors"))
    shard.unlink()
    with pytest.raises(UserError, match="does not load"):
        SentenceModel(folder, BASE, "cpu")


@pytest.mark.parametrize("name", ["nv_embed_v2", "bge_en_icl", "stella_1_5b", "sfr_2", "gte_qwen2_7b", "bert_base"])
def test_no_entry_of_the_paper_runs_foreign_code(name):
    assert not EMBEDDERS[name].remote_code
    assert len(EMBEDDERS[name].revision) == 40
