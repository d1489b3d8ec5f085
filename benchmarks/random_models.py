"""Model folders of real shapes without weights, and random weights for them, made where they are used.

Speed depends on shapes, dtypes and token counts, and not on what a model has learned. Tokenizers are trained on the
texts that are embedded, of the model's own kind, so that a text has about as many tokens as the real one makes of it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<|endoftext|>"]

# How Qwen2's tokenizer parts a text; transformers puts this in place of what a file says.
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Shape:
    """A model to time.

    Attributes:
        name: in tables.
        family: ``Bert`` or ``Qwen2``.
        sizes: arguments of the family's configuration.
        active: weights that a token is multiplied with.
        max_tokens: texts are cut there.
        vocabulary: of the tokenizer, which may be smaller than the model's.
    """

    name: str
    family: str
    sizes: dict[str, int]
    active: int
    max_tokens: int
    vocabulary: int

    @property
    def causal(self) -> bool:
        return self.family == "Qwen2"


def _sizes(hidden: int, inner: int, layers: int, heads: int, **more: int) -> dict[str, int]:
    sizes = {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }
    return sizes | more


QWEN = {"vocab_size": 151_936, "max_position_embeddings": 32_768}
REAL = [
    Shape("MiniLM", "Bert", _sizes(384, 1536, 6, 12), 10_646_784, 256, 30_522),
    Shape("BERT-base", "Bert", _sizes(768, 3072, 12, 12), 85_054_464, 512, 30_522),
    Shape("Qwen2 1.5B", "Qwen2", _sizes(1536, 8960, 28, 12, num_key_value_heads=2, **QWEN), 1_310_340_608, 512, 50_000),
    Shape("Qwen2 7B", "Qwen2", _sizes(3584, 18_944, 28, 28, num_key_value_heads=4, **QWEN), 6_525_621_760, 512, 50_000),
]
SMALL = [
    Shape("small BERT", "Bert", _sizes(32, 64, 2, 2), 2 * (4 * 32 * 32 + 2 * 32 * 64), 64, 500),
    Shape(
        "small Qwen2",
        "Qwen2",
        _sizes(32, 64, 2, 2, num_key_value_heads=1, vocab_size=500, max_position_embeddings=64),
        2 * (3 * 32 * 32 + 3 * 32 * 64),
        64,
        500,
    ),
]


def save_folder(shape: Shape, texts: list[str], folder: Path) -> Path:
    """A sentence-transformers folder of ``shape`` without weights, whose tokenizer was trained on ``texts``."""
    import transformers

    vocabulary = {} if "vocab_size" in shape.sizes else {"vocab_size": shape.vocabulary}
    config = getattr(transformers, f"{shape.family}Config")(**shape.sizes, **vocabulary, pad_token_id=0)
    config.architectures = [f"{shape.family}Model"]
    config.save_pretrained(folder)
    side = "left" if shape.causal else "right"
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=(_byte_pairs if shape.causal else _word_pieces)(texts, shape.vocabulary),
        padding_side=side,
        pad_token="[PAD]",
        unk_token=None if shape.causal else "[UNK]",
        eos_token="<|endoftext|>" if shape.causal else None,
    )
    tokenizer.save_pretrained(folder)
    parts = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    limit = {"max_seq_length": shape.max_tokens, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limit))
    pooling = {
        "word_embedding_dimension": shape.sizes["hidden_size"],
        "pooling_mode": "lasttoken" if shape.causal else "mean",
        "include_prompt": True,
    }
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "2_Normalize").mkdir()
    return folder


def _word_pieces(texts: list[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, show_progress=False)
    backend.train_from_iterator(texts, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, backend.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    )
    return backend


def _byte_pairs(texts: list[str], vocabulary: int) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


@contextmanager
def random_weights(device: str, dtype: str) -> Iterator[None]:
    """Whoever loads a model of a folder within gets one and the same, of random weights on ``device``."""
    import torch
    from transformers import PreTrainedModel

    made: dict[str, Any] = {}

    def make(cls: Any, path: Any, *_: Any, config: Any, **options: Any) -> Any:
        if str(path) not in made:
            torch.manual_seed(0)
            with torch.device(device):
                made[str(path)] = cls._from_config(config, dtype=getattr(torch, dtype)).eval()
        return made[str(path)]

    before = PreTrainedModel.__dict__["from_pretrained"]
    PreTrainedModel.from_pretrained = classmethod(make)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained = before
