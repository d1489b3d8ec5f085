"""Tiny models with random weights, built on the spot in the same formats as the real ones."""

from pathlib import Path

WORDS = [f"w{i}" for i in range(40)]
VOCABULARY = 360  # of the byte-level tokenizer
# The class of transformers, and what its configuration needs besides the sizes.
FAMILIES = {
    "bert": ("Bert", {}),
    "mpnet": ("MPNet", {}),
    "modernbert": ("ModernBert", {"pad_token_id": 0, "global_attn_every_n_layers": 1}),
    "mistral": ("Mistral", {"num_key_value_heads": 1}),
    "qwen2": ("Qwen2", {"num_key_value_heads": 1}),
    "qwen3": ("Qwen3", {"num_key_value_heads": 1, "head_dim": 8}),
}
BYTE_LEVEL = ("qwen2", "qwen3")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "</s>"]


def tokenizer(style):
    """A word tokenizer; ``bert`` wraps texts in [CLS] … [SEP], ``causal`` adds nothing."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(SPECIAL + WORDS)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if style == "bert":
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        tokens = {"cls_token": "[CLS]", "sep_token": "[SEP]"}
    else:
        tokens = {"eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", **tokens)


def byte_level_tokenizer():
    """What qwen2 insists on: byte-pair encoding over bytes, trained on the words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator([f"{word} {word}" for word in WORDS], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", eos_token="</s>")


def save_transformer(folder: Path, family: str, seed: int = 0) -> Path:
    """A bare transformer of ``family`` (see FAMILIES), without any sentence-transformers files."""
    import torch
    import transformers

    torch.manual_seed(seed)
    sizes = {
        "vocab_size": VOCABULARY if family in BYTE_LEVEL else len(SPECIAL) + len(WORDS),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "initializer_range": 0.5,
    }
    name, more = FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(**sizes, **more)
    getattr(transformers, f"{name}Model")(config).eval().save_pretrained(folder)
    causal = "num_key_value_heads" in more
    made = byte_level_tokenizer() if family in BYTE_LEVEL else tokenizer("causal" if causal else "bert")
    made.save_pretrained(folder)
    return folder


def save_sentence_model(folder: Path, family: str = "bert", pooling: str = "mean", seed: int = 0) -> Path:
    """A sentence-transformers model: transformer, pooling, normalisation."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(save_transformer(folder / "bare", family, seed)))
    model = SentenceTransformer(modules=[transformer, Pooling(16, pooling), Normalize()], device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def texts(count: int, longest: int, seed: int = 0) -> list[str]:
    """Distinct texts of 1 to ``longest`` words."""
    import numpy as np

    rng = np.random.default_rng(seed)
    found = {" ".join(rng.choice(WORDS, rng.integers(1, longest + 1))) for _ in range(count * 3)}
    return sorted(found)[:count]
