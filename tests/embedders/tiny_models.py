"""Tiny models with random weights, built on the spot in the same formats as the real ones."""

import json
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


def edit_json(path: Path, change) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def save_decoder(
    folder: Path, family: str = "mistral", template: str = "<s> $A", flags: dict | None = None, pooling="lasttoken"
) -> Path:
    """A decoder in the layout of the paper's: BOS in the template, flags in tokenizer_config.json, shards, an old
    rope_theta, auto_map to code that is not there, a chat template."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers
    from tokenizers.processors import TemplateProcessing

    folder.mkdir(parents=True)
    name, more = FAMILIES[family]
    specials = ["<unk>", "<s>", "</s>", "<instruct>", "<query>", "<response>"]
    words = [*specials, *WORDS, "the", "first", "text"]
    torch.manual_seed(3)
    sizes = {"vocab_size": len(words), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.5}
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": 50.0}}
    model = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**sizes, **more, **rope))
    model.eval().save_pretrained(folder, max_shard_size="8KB")

    def like_the_old(config):
        config.pop("rope_parameters", None)
        config.update(rope_theta=50.0, auto_map={"AutoModel": f"modeling_own.{name}Model"})

    edit_json(folder / "config.json", like_the_old)
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.add_special_tokens(specials)
    if template:
        backend.post_processor = TemplateProcessing(single=template, special_tokens=[("<s>", 1), ("</s>", 2)])
    backend.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    config |= {"pad_token": "<unk>", "chat_template": "{{ messages }}", **(flags or {})}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    parts = [("", "Transformer"), ("1_Pooling", "Pooling")]
    kinds = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(kinds))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64, "do_lower_case": false}')
    (folder / "1_Pooling").mkdir()
    pooled = {"word_embedding_dimension": 16, "pooling_mode": pooling, "include_prompt": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooled))
    return folder


def save_nv_embed(folder: Path) -> Path:
    """In the layout of NV-Embed-v2: a Mistral under ``embedding_model.``, latent attention beside it, in shards."""
    import torch
    from safetensors.torch import load_file, save_file

    save_decoder(folder, "mistral", pooling="mean")
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= {f"embedding_model.{name}": tensor for name, tensor in load_file(path).items()}
        path.unlink()
    made = torch.Generator().manual_seed(5)
    attend, feed = "cross_attend_blocks.0.", "cross_attend_blocks.1."
    shapes = {"latents": (3, 16), attend + "fn.to_q.weight": (16, 16), attend + "fn.to_kv.weight": (32, 16)}
    shapes |= {
        attend + "fn.to_out.weight": (16, 16),
        feed + "fn.net.0.weight": (128, 16),
        feed + "fn.net.0.bias": (128,),
    }
    shapes |= {feed + "fn.net.2.weight": (16, 64), feed + "fn.net.2.bias": (16,)}
    for norm in (attend + "norm", attend + "norm_context", feed + "norm"):
        shapes |= {norm + ".weight": (16,), norm + ".bias": (16,)}
    for name, shape in shapes.items():
        tensors["latent_attention_model." + name] = 0.5 * torch.randn(shape, generator=made)
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[::2], names[1::2])):
        file = f"model-0000{number + 1}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    inner = json.loads((folder / "config.json").read_text())
    latent = {"model_type": "latent_attention", "num_latents_value": 3, "num_cross_heads": 2, "cross_dim_head": 8}
    auto_map = {"AutoModel": "modeling_nvembed.NVEmbedModel", "AutoConfig": "configuration_nvembed.NVEmbedConfig"}
    config = {"model_type": "nvembed", "architectures": ["NVEmbedModel"], "auto_map": auto_map, "hidden_size": 16}
    config |= {"text_config": inner | {"model_type": "bidir_mistral", "sliding_window": 4}}
    (folder / "config.json").write_text(json.dumps(config | {"latent_attention_config": latent}))
    return folder


def texts(count: int, longest: int, seed: int = 0) -> list[str]:
    """Distinct texts of 1 to ``longest`` words."""
    import numpy as np

    rng = np.random.default_rng(seed)
    found = {" ".join(rng.choice(WORDS, rng.integers(1, longest + 1))) for _ in range(count * 3)}
    return sorted(found)[:count]
