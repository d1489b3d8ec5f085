"""The path of a GPU on torch's CPU device gives the vectors of the plain one, whatever is prepared or halved when."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_sentence_model import TEXTS, Memory, settings
from tiny_models import BYTE_LEVEL, FAMILIES, save_sentence_model, texts

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.embedders import encoding, fast_tokens, gpu_memory, gpu_model
from nofreelunch.embedders.adapter import HARDWARE
from nofreelunch.embedders.encoding import chunks, encode
from nofreelunch.embedders.gpu_model import GpuModel, even_batches, token_budget, wanted_budget
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.embedders.text_tokens import TextTokens
from nofreelunch.tasks.table import Split

GPU = HARDWARE[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_vectors_of_the_plain_path(tmp_path, family):
    folder = save_sentence_model(tmp_path, family, "lasttoken" if family in ("mistral", *BYTE_LEVEL) else "mean")
    plain, counted = SentenceModel(folder, settings(append_eos=False), "cpu").encode(TEXTS, "w1 ")
    model = GpuModel(folder, settings(append_eos=False), "cpu")
    for budget in (16, 100, 10_000):
        model.budget = budget
        vectors, tokens = model.encode(TEXTS, "w1 ")
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, plain, atol=1e-5)
        assert tokens.tolist() == counted.tolist()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prompt", ["", "w1 w2 "])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_fast_tokens_are_those_of_the_tokenizer(tmp_path, family, prompt, end, side):
    folder = save_sentence_model(tmp_path, family)
    asked = settings(append_eos=end and family not in ("bert", "mpnet", "modernbert"), padding_side=side)
    tokens = TextTokens.load(folder, asked, last=False)
    rows = [*TEXTS, "", "w3", " ".join(["w4"] * 200)]
    for truncated in ("right", "left"):
        tokens.tokenizer.truncation_side = truncated
        expected, counts = tokens.features(rows, prompt)
        for _ in range(2):
            found, lengths = fast_tokens.features(tokens, rows, prompt)
            assert found.keys() == expected.keys()
            for name in found:
                assert np.array_equal(found[name], expected[name]), name
            assert lengths.tolist() == counts.tolist()


def test_a_suffix_goes_the_tokenizers_own_way(tmp_path):
    tokens = TextTokens.load(save_sentence_model(tmp_path, "mistral"), settings(suffix=" w7"), last=False)
    (found, counts), (expected, lengths) = fast_tokens.features(tokens, TEXTS, ""), tokens.features(TEXTS, "")
    assert torch.equal(found["input_ids"], expected["input_ids"])
    assert counts.tolist() == lengths.tolist()


def test_layers_and_options_after_pooling_are_those_of_the_plain_path(bert_folder):
    asked = settings(truncate_dim=5, normalise=True)
    plain, _ = SentenceModel(bert_folder, asked, "cpu").encode_layers(TEXTS, "", (None, 0, 1))
    found, _ = GpuModel(bert_folder, asked, "cpu").encode_layers(TEXTS, "", (None, 0, 1))
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_text_without_tokens_is_refused_before_the_gpu_sees_it(tmp_path):
    model = GpuModel(save_sentence_model(tmp_path, "mistral"), settings(), "cpu")
    with pytest.raises(UserError, match="'  ' has no tokens"):
        model.prepare(["w1", "  "], "")


def test_out_of_memory_halves_the_batch_and_keeps_what_is_done(bert_folder):
    model = GpuModel(bert_folder, settings(), "cpu")
    expected, _ = model.encode(TEXTS, "")
    model.model, model.budget = Memory(model.model, 100), 400
    found, _ = model.encode(TEXTS, "")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    failed = sum(size > 100 for size in model.model.sizes)
    assert 0 < failed < 6
    model.encode(TEXTS, "")
    assert sum(size > 100 for size in model.model.sizes) == failed


# As torch 2.13 with CUDA 12 and 13 words them.
ENDS = [
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
]
OTHERS = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    ValueError("CUDA error: out of memory"),
]


def raised(error):
    raise error


@pytest.mark.parametrize("error", ENDS, ids=str)
def test_memory_ends_in_words_of_cuda_and_its_libraries_too(bert_folder, error, monkeypatch):
    model = GpuModel(bert_folder, settings(), "cpu")
    expected, _ = model.encode(TEXTS, "")
    real = model.model

    class Worded(Memory):
        def __call__(self, features):
            try:
                return super().__call__(features)
            except torch.OutOfMemoryError:
                raise error from None

    model.model, model.budget = Worded(real, 100), 400
    np.testing.assert_allclose(model.encode(TEXTS, "")[0], expected, atol=1e-5)
    monkeypatch.setattr(gpu_model, "START", 64)
    model.model = Worded(real, 300)
    assert model.find_budget(2**30) == 256
    model.model, model.budget = Worded(real, 0), 400
    with pytest.raises(UserError, match="one text of 16 tokens does not fit into the memory of cpu"):
        model.encode(TEXTS, "")


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_no_other_error_is_taken_for_an_end_of_memory(bert_folder, error):
    model = GpuModel(bert_folder, settings(), "cpu")

    class Broken(Memory):
        def __call__(self, features):
            raise error

    model.model = Broken(model.model, 0)
    for ask in (lambda: model.encode(TEXTS, ""), lambda: model.find_budget(2**30)):
        with pytest.raises(type(error)) as told:
            ask()
        assert told.value is error


def test_memory_that_runs_out_later_costs_the_batches_after_it_alone(bert_folder):
    model = GpuModel(bert_folder, settings(), "cpu")
    expected, _ = model.encode(TEXTS, "")
    inner, calls = model.model, []

    class Full(Memory):
        def __call__(self, features):
            calls.append(len(features["input_ids"]))
            self.capacity = 10_000 if len(calls) != 4 else 0
            return super().__call__(features)

    model.model, model.budget = Full(inner, 0), 100
    np.testing.assert_allclose(model.encode(TEXTS, "")[0], expected, atol=1e-5)
    assert sum(calls) == len(TEXTS) + calls[3]
    assert model.budget == 100


class Card:
    """A card with room for so many tokens, and what it was asked for."""

    def __init__(self, capacity):
        self.capacity, self.asked = capacity, []

    def __call__(self, size):
        self.asked.append(size)
        if size > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory")


@given(st.integers(1, 10**6), st.integers(1, 5_000), st.integers(1, 10**6))
def test_the_search_finds_the_largest_that_fits(capacity, start, most):
    card = Card(capacity)
    found = token_budget(card, start, most)
    sizes = [start * 2**k for k in range(21) if start * 2**k <= max(start, most)]
    halves = [start // 2**k for k in range(1, 14)]
    assert found == max([size for size in [*sizes, *halves] if size <= capacity], default=0)
    assert len(card.asked) == len(set(card.asked)) <= 22


def test_even_batches_by_hand():
    lengths = np.array([100, 100, 99, 90, 50, 50, 3, 2, 2, 2])
    # At most 320 tokens, 10 of them padding: 3 × 100 (one padded), 90 alone (50 would be padded by 40), …
    assert list(even_batches(lengths, 320)) == [slice(0, 3), slice(3, 4), slice(4, 6), slice(6, 10)]
    # At most 10,000, 312 of them padding: eight texts have 306, nine 404.
    assert list(even_batches(lengths, 10_000)) == [slice(0, 8), slice(8, 10)]
    assert list(even_batches(lengths[:3], 50)) == [slice(0, 1), slice(1, 2), slice(2, 3)]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(1, 20_000))
def test_even_batches_are_full_and_nearly_without_padding(lengths, budget):
    lengths = np.array(sorted(lengths, reverse=True))
    rows = list(even_batches(lengths, budget))
    assert np.array_equal(np.concatenate([lengths[row] for row in rows]), lengths)

    def fits(part):
        return len(part) == 1 or (part[0] * len(part) <= budget and (part[0] - part).sum() <= budget / 32)

    for row in rows:
        assert fits(lengths[row])
        assert row.stop == len(lengths) or not fits(lengths[row.start : row.stop + 1])


def test_the_budget_by_hand():
    # 2⁴⁸ operations at two for each weight and token.
    assert wanted_budget(22_700_000) == 262_144
    assert wanted_budget(1_540_000_000) == 65_536
    assert wanted_budget(7_070_000_000) == 16_384
    card = Card(40_000)
    assert token_budget(card, 4_096, 262_144) == 32_768
    assert card.asked == [4_096, 8_192, 16_384, 32_768, 65_536]


def test_a_text_that_does_not_fit_is_told_what_would(bert_folder, monkeypatch):
    monkeypatch.setattr(gpu_model, "START", 64)
    model = GpuModel(bert_folder, settings(), "cpu")
    real = model.model
    model.model = Memory(real, 300)
    assert model.find_budget(2**30) == 256
    model.model = Memory(real, 10)
    with pytest.raises(UserError, match=r"text of 16 tokens .* 1\.0 GiB that cpu has free .* set 'max_tokens: 8'"):
        model.find_budget(2**30)
    model.model = Memory(real, 0)
    with pytest.raises(UserError, match="no shorter one does"):
        model.find_budget(2**30)


def test_a_model_that_does_not_fit_is_told_what_would(bert_folder, monkeypatch):
    from transformers import BertModel

    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    count = sum(value.numel() for value in GpuModel(bert_folder, settings(), "cpu").model.parameters())
    assert gpu_memory.weight_count(bert_folder) >= count
    monkeypatch.setattr(gpu_memory, "weight_count", lambda _: 7_070_000_000)
    monkeypatch.setattr(gpu_memory, "free", lambda _: 10 * 2**30)
    monkeypatch.setattr(BertModel, "from_pretrained", full)
    fits = r"7\.07 billion weights take 26\.3 GiB in float32, 13\.2 in .*10\.0 .*5\.37 in b"
    with pytest.raises(UserError, match=fits):
        GpuModel(bert_folder, settings(), "cpu")
    for error in ENDS:
        monkeypatch.setattr(BertModel, "from_pretrained", lambda *_, error=error, **options: raised(error))
        with pytest.raises(UserError, match=rf"cpu has too little memory for .*bert.*\n.*{fits}"):
            GpuModel(bert_folder, settings(), "cpu")
    monkeypatch.setattr(BertModel, "from_pretrained", lambda *_, **options: raised(OTHERS[0]))
    with pytest.raises(torch.AcceleratorError, match="illegal memory access"):
        GpuModel(bert_folder, settings(), "cpu")


def task(count):
    return Split([f"{text} {i}" for i, text in enumerate(texts(count, 12))], None, np.zeros(count, np.int64))


def test_the_whole_way_of_a_gpu(bert_folder, tmp_path, monkeypatch):
    """Chunks of its own size, two models side by side, preparation in threads: the vectors of each text alone."""
    monkeypatch.setattr(encoding, "GPU_CHUNK_TEXTS", 16)
    monkeypatch.setattr("nofreelunch.embedders.model_embedder.hardware", lambda: GPU)
    spec = Transformer(kind="transformer", hub=str(bert_folder), max_tokens=16)
    train, test = task(150), task(20)
    made = ModelEmbedder(spec, Memo(tmp_path), GPU, ["cpu", "cpu"]).embed(train, test, "joined", "task")
    assert (made.card["device"], made.card["dtype"]) == ("cuda", "bfloat16")
    plain = SentenceModel(bert_folder, settings(dtype="bfloat16"), "cpu").encode(train.text, "")[0]
    np.testing.assert_allclose(made.arrays()["train"], plain, atol=0.05)
    monkeypatch.setattr(SentenceModel, "__init__", lambda *_: pytest.fail("a model was loaded"))
    again = ModelEmbedder(spec, Memo(tmp_path), GPU, ["cpu"]).embed(train, test, "joined", "task")
    assert again.arrays()["train"].tobytes() == made.arrays()["train"].tobytes()


def test_what_is_prepared_ahead_reaches_the_encoder_it_was_prepared_for(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "GPU_CHUNK_TEXTS", 10)
    rows = [f"{i} " + "x" * (i * 37 % 90) for i in range(300)]

    def run(prepared):
        lengths = np.array(prepared)
        return [lengths[:, None].astype(np.float32)], lengths

    found = encode(
        rows,
        "key",
        lambda: [run, run],
        Memo(tmp_path),
        "label",
        kind="cuda",
        prepare=lambda part: [len(text) for text in part],
    )
    out = np.empty((300, 1), np.float32)
    found.fill([(out, np.arange(300))])
    assert out[:, 0].tolist() == [len(text) for text in rows]
    assert len(found.parts) == 30


def test_a_kill_loses_only_what_is_under_way(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "GPU_CHUNK_TEXTS", 10)
    rows, seen = [f"{i:03} text" for i in range(200)], []

    def run(part, dies_at=None):
        if len(seen) == dies_at:
            raise KeyboardInterrupt
        seen.append(part)
        return [np.ones((len(part), 1), np.float32)], np.ones(len(part), np.int64)

    options = {"kind": "cuda", "prepare": list}
    with pytest.raises(KeyboardInterrupt):
        encode(rows, "key", lambda: [lambda part: run(part, 12)], Memo(tmp_path), "label", **options)
    encode(rows, "key", lambda: [run], Memo(tmp_path), "label", **options)
    assert sorted(text for part in seen for text in part) == rows


def test_chunks_of_a_gpu_are_larger_and_no_less_fixed():
    rows = [f"{i} " + "x" * 400 for i in range(20_000)]
    sizes = [len(part) for part in chunks(rows, "cuda")]
    assert sizes == [8_192, 8_192, 3_616]
    assert [len(part) for part in chunks([f"{row}{'y' * 1_600}" for row in rows], "cuda")][:2] == [2_090, 2_090]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("family", ["bert", "qwen2"])
def test_on_a_gpu(tmp_path, family):
    folder = save_sentence_model(tmp_path, family)
    model = GpuModel(folder, settings(append_eos=False), "cuda:0")
    assert model.budget == 262_144
    plain = SentenceModel(folder, settings(append_eos=False), "cpu").encode(TEXTS, "")[0]
    for budget in (64, 262_144):
        model.budget = budget
        np.testing.assert_allclose(model.encode(TEXTS, "")[0], plain, atol=1e-3)
