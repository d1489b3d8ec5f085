import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny_models import BYTE_LEVEL, FAMILIES, WORDS, save_sentence_model, save_transformer, texts
from transformers import BertModel

from nofreelunch.base.errors import UserError
from nofreelunch.embedders.adapter import resolve_dtype
from nofreelunch.embedders.sentence_model import SentenceModel, batches
from nofreelunch.embedders.settings import Settings

TEXTS = texts(60, 40)


def settings(**changes):
    plain = {
        "max_tokens": 16,
        "pooling": None,
        "padding_side": None,
        "append_eos": False,
        "truncate_dim": None,
        "normalise": False,
        "dtype": "float32",
        "remote_code": False,
    }
    return Settings(**{**plain, **changes})


def peer(folder, max_tokens=16):
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    model.max_seq_length = max_tokens
    return model


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pooling", ["lasttoken", "mean"])
def test_causal_families_equal_their_texts_alone(tmp_path, family, side, pooling):
    if (side, pooling) == ("right", "lasttoken"):
        pytest.skip("refused: see test_text_tokens.py")
    model = SentenceModel(
        save_sentence_model(tmp_path, family, pooling), settings(padding_side=side, append_eos=True), "cpu"
    )
    together, _ = model.encode(TEXTS, "")
    for i in range(0, 60, 7):
        assert np.allclose(model.encode([TEXTS[i]], "")[0], together[i], atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_equals_sentence_transformers(tmp_path, family):
    folder = save_sentence_model(tmp_path, family, "lasttoken" if family in ("mistral", *BYTE_LEVEL) else "mean")
    vectors, tokens = SentenceModel(folder, settings(append_eos=False), "cpu").encode(TEXTS, "w1 ")
    assert np.allclose(vectors, peer(folder).encode(TEXTS, prompt="w1 "), atol=1e-5)
    assert (tokens > 16).any()
    assert not np.allclose(vectors[0], vectors[1], atol=0.01)


@pytest.mark.parametrize("prompt", ["", "w1 w2 "])
def test_equals_sentence_transformers(bert_folder, prompt):
    vectors, _ = SentenceModel(bert_folder, settings(), "cpu").encode(TEXTS, prompt)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, peer(bert_folder).encode(TEXTS, prompt=prompt or None), atol=1e-5)


def test_the_prompt_is_a_prefix(bert_folder):
    model = SentenceModel(bert_folder, settings(), "cpu")
    prefixed, _ = model.encode([f"w3 {text}" for text in TEXTS], "")
    assert np.allclose(model.encode(TEXTS, "w3 ")[0], prefixed, atol=1e-6)


def test_tokens_are_counted_before_truncation(bert_folder):
    model = SentenceModel(bert_folder, settings(), "cpu")
    _, tokens = model.encode(TEXTS, "w1 ")
    assert tokens.tolist() == [1 + len(text.split()) + 2 for text in TEXTS]
    assert 0 < np.mean(tokens > 16) < 1


def test_text_beyond_the_window_changes_nothing(bert_folder):
    model = SentenceModel(bert_folder, settings(), "cpu")
    long = " ".join(WORDS[:14])
    assert np.allclose(*model.encode([long, f"{long} w20 w21"], "")[0])


def test_appended_eos_survives_truncation(tmp_path):
    folder = save_sentence_model(tmp_path, "mistral", "lasttoken")
    model = SentenceModel(folder, settings(append_eos=True), "cpu")
    _, tokens = model.encode(TEXTS, "")
    assert tokens.tolist() == [len(text.split()) + 1 for text in TEXTS]
    ids = model.tokens.features(TEXTS, "")[0]["input_ids"]
    end = model.tokens.tokenizer.eos_token_id
    assert ids.shape[1] == 16
    assert (ids == end).sum(1).tolist() == [1] * len(TEXTS)
    by_hand = SentenceModel(folder, settings(append_eos=False), "cpu").encode([f"{text} </s>" for text in TEXTS], "")[0]
    short = np.array([len(text.split()) < 16 for text in TEXTS])
    assert np.allclose(model.encode(TEXTS, "")[0][short], by_hand[short], atol=1e-5)


def test_append_eos_needs_one_and_adds_it_once(tmp_path, bert_folder):
    with pytest.raises(UserError, match="end-of-sequence"):
        SentenceModel(bert_folder, settings(append_eos=True), "cpu")
    model = SentenceModel(save_sentence_model(tmp_path, "mistral"), settings(append_eos=True), "cpu")
    model.tokens.tokenizer.save_pretrained(tmp_path / "model")
    again = SentenceModel(tmp_path / "model", settings(append_eos=True), "cpu")
    assert again.encode(["w1 w2"], "")[1].tolist() == [3]


def test_truncate_dim_cuts_before_normalising(bert_folder):
    whole, _ = SentenceModel(bert_folder, settings(), "cpu").encode(TEXTS, "")
    cut, _ = SentenceModel(bert_folder, settings(truncate_dim=5), "cpu").encode(TEXTS, "")
    unit, _ = SentenceModel(bert_folder, settings(truncate_dim=5, normalise=True), "cpu").encode(TEXTS, "")
    assert np.array_equal(cut, whole[:, :5])
    assert np.allclose(unit, cut / np.linalg.norm(cut, axis=1, keepdims=True), atol=1e-6)
    with pytest.raises(UserError, match=r"truncate_dim is 17, but .* gives 16"):
        SentenceModel(bert_folder, settings(truncate_dim=17), "cpu").encode(TEXTS, "")


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_pooling_of_a_bare_transformer(tmp_path, pooling):
    folder = save_transformer(tmp_path, "bert")
    vectors, _ = SentenceModel(folder, settings(pooling=pooling), "cpu").encode(["w1 w2 w3"], "")
    bare = peer(folder)
    with torch.inference_mode():
        states = bare[0](bare.preprocess(["w1 w2 w3"]))["token_embeddings"][0]
    expected = {"cls": states[0], "mean": states.mean(0), "max": states.max(0).values}[pooling]
    assert np.allclose(vectors[0], expected, atol=1e-6)


def test_a_chat_template_does_not_wrap_texts(tmp_path):
    folder = save_transformer(tmp_path, "mistral")
    plain, _ = SentenceModel(folder, settings(), "cpu").encode(TEXTS, "")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}w1 {{ m['content'] }} w2{% endfor %}")
    assert np.array_equal(SentenceModel(folder, settings(), "cpu").encode(TEXTS, "")[0], plain)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_dense_layer_after_pooling_has_its_part(tmp_path, dtype):
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    torch.manual_seed(0)
    bare = Transformer(str(save_transformer(tmp_path / "bare", "qwen2")))
    modules = [bare, Pooling(16, "mean"), Dense(16, 24, activation_function=torch.nn.Identity())]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "model"), create_model_card=False)
    vectors, _ = SentenceModel(tmp_path / "model", settings(dtype=dtype), "cpu").encode(TEXTS, "")
    assert np.allclose(vectors, peer(tmp_path / "model").encode(TEXTS), atol=1e-5 if dtype == "float32" else 0.2)
    assert vectors.shape == (60, 24)


LATENT = """
import torch
from transformers import MistralConfig, MistralModel

class LatentConfig(MistralConfig):
    model_type = "latent"

class LatentModel(MistralModel):
    config_class = LatentConfig

    def __init__(self, config):
        super().__init__(config)
        self.latents = torch.nn.Parameter(torch.randn(3, config.hidden_size))

    def forward(self, *arguments, **options):
        output = super().forward(*arguments, **options)
        states = output.last_hidden_state
        weights = torch.softmax(states @ self.latents.T, -1)
        output.last_hidden_state = states + weights @ self.latents
        return output
"""


def test_a_model_with_code_of_its_own_runs_once_it_is_allowed(tmp_path, monkeypatch):
    import importlib.util
    import json

    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    folder = save_sentence_model(tmp_path, "mistral")
    plain, _ = SentenceModel(folder, settings(append_eos=True), "cpu").encode(TEXTS, "")
    (folder / "modeling_latent.py").write_text(LATENT)
    found = importlib.util.spec_from_file_location("modeling_latent", folder / "modeling_latent.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    sizes = json.loads((folder / "config.json").read_text())
    torch.manual_seed(0)
    model = module.LatentModel(module.LatentConfig(**{k: v for k, v in sizes.items() if k != "model_type"}))
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "modeling_latent.LatentConfig", "AutoModel": "modeling_latent.LatentModel"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="remote_code: true"):
        SentenceModel(folder, settings(append_eos=True), "cpu")
    own = SentenceModel(folder, settings(append_eos=True, remote_code=True, padding_side="right"), "cpu")
    vectors, _ = own.encode(TEXTS, "")
    assert type(own.model.transformers_model).__name__ == "LatentModel"
    assert not np.allclose(vectors, plain, atol=0.01)
    for i in range(0, 60, 7):
        assert np.allclose(own.encode([TEXTS[i]], "")[0], vectors[i], atol=1e-5)


def test_static_embedding_models_run_too(tmp_path):
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tiny_models import tokenizer

    table = np.random.default_rng(0).normal(size=(45, 6)).astype(np.float32)
    backend = tokenizer("causal").backend_tokenizer
    SentenceTransformer(modules=[StaticEmbedding(backend, embedding_weights=table)], device="cpu").save(
        str(tmp_path), create_model_card=False
    )
    vectors, tokens = SentenceModel(tmp_path, settings(max_tokens=2), "cpu").encode(["w0 w1 w2", "w3"], "")
    assert np.allclose(vectors, [table[5:7].mean(0), table[8]], atol=1e-6)
    assert tokens.tolist() == [3, 1]


def test_the_number_of_cores_changes_no_bit(bert_folder):
    model = SentenceModel(bert_folder, settings(), "cpu")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one, _ = model.encode(TEXTS, "")
        torch.set_num_threads(3)
        three, _ = model.encode(TEXTS, "")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert one.tobytes() == three.tobytes()


class Memory:
    """Stands for a GPU that holds ``capacity`` padded tokens; the forward pass itself is real."""

    def __init__(self, model, capacity):
        self.model, self.capacity, self.sizes = model, capacity, []

    def __call__(self, features):
        self.sizes.append(features["input_ids"].numel())
        if self.sizes[-1] > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.model(features)

    def __getattr__(self, name):
        return getattr(self.model, name)


def on_small_gpu(folder, capacity):
    model = SentenceModel(folder, settings(), "cpu")
    expected, _ = model.encode(TEXTS, "")
    model.model, model.budget = Memory(model.model, capacity), 10_000
    model._in_parallel = model._within_memory
    return model, expected


def test_out_of_memory_halves_the_batch_and_goes_on(bert_folder):
    model, expected = on_small_gpu(bert_folder, 100)
    vectors, _ = model.encode(TEXTS, "")
    assert np.allclose(vectors, expected, atol=1e-5)
    failed = sum(size > 100 for size in model.model.sizes)
    assert failed < 6
    model.encode(TEXTS, "")
    assert sum(size > 100 for size in model.model.sizes) == failed


def test_one_text_too_many_for_the_memory(bert_folder):
    model, _ = on_small_gpu(bert_folder, 10)
    with pytest.raises(UserError, match=r"one text of 16 tokens does not fit.*max_tokens"):
        model.encode(TEXTS, "")


def test_batches_keep_the_budget_and_lose_no_text():
    lengths = np.array([9, 9, 8, 3, 3, 2, 1, 1, 1])
    rows = list(batches(lengths, 9))
    assert [lengths[row].tolist() for row in rows] == [[9], [9], [8], [3, 3, 2], [1, 1, 1]]


def test_more_tokens_than_positions(bert_folder):
    with pytest.raises(UserError, match="max_tokens is 33, but this model has 32 positions"):
        SentenceModel(bert_folder, settings(max_tokens=33), "cpu")


def test_a_text_without_tokens(tmp_path):
    model = SentenceModel(save_transformer(tmp_path, "mistral"), settings(), "cpu")
    with pytest.raises(UserError, match="'  ' has no tokens"):
        model.encode(["w1", "  "], "")


def test_no_pooling_layer_to_set(tmp_path):
    from sentence_transformers.sentence_transformer.modules import Transformer

    save_transformer(tmp_path / "bare", "bert")
    modules = [Transformer(str(tmp_path / "bare"))]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "model"), create_model_card=False)
    with pytest.raises(UserError, match="no pooling layer"):
        SentenceModel(tmp_path / "model", settings(pooling="cls"), "cpu")


def test_a_model_that_does_not_load(tmp_path):
    save_transformer(tmp_path, "bert")
    (tmp_path / "config.json").write_text('{"model_type": "tomorrows_model"}')
    with pytest.raises(UserError, match="does not load"):
        SentenceModel(tmp_path, settings(), "cpu")


def test_a_model_that_does_not_fit(bert_folder, monkeypatch):
    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(BertModel, "from_pretrained", full)
    with pytest.raises(UserError, match=r"does not fit into the memory of cpu.*bfloat16"):
        SentenceModel(bert_folder, settings(), "cpu")


def test_dtype_on_the_cpu():
    assert resolve_dtype("auto", "cpu") == "float32"
    assert resolve_dtype("bfloat16", "cpu") == "bfloat16"


def test_half_precision_gives_nearly_the_same(bert_folder):
    full, _ = SentenceModel(bert_folder, settings(), "cpu").encode(TEXTS, "")
    half, _ = SentenceModel(bert_folder, settings(dtype="bfloat16"), "cpu").encode(TEXTS, "")
    assert half.dtype == np.float32
    assert np.abs(full - half).max() < 0.1
    assert not np.array_equal(full, half)
