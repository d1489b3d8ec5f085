"""Model families differ: loading one with the settings that adapt it, and what it runs on."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nofreelunch.base.errors import UserError
from nofreelunch.embedders.settings import Settings
from nofreelunch.embedders.text_tokens import TextTokens, lower_case


@dataclass(frozen=True)
class Hardware:
    """What a model runs on, as far as it can change a vector.

    Attributes:
        kind: ``cpu`` or ``cuda``.
        auto: the weights' dtype that 'auto' means there.
    """

    kind: str
    auto: str


NV_EMBED = "nvembed"
CPU = Hardware("cpu", "float32")
# Best first.
HARDWARE = (Hardware("cuda", "bfloat16"), Hardware("cuda", "float16"), CPU)


def load(folder: Path, settings: Settings, device: str) -> tuple[Any, TextTokens | None]:
    """The model in ``folder``, adapted to ``settings``, ready to encode on ``device``, and its tokenizer.

    The tokenizer is None where the model brings an input module of its own, which then makes the features.

    Raises:
        UserError: the model does not load, or a setting does not fit it.
    """
    import torch
    from transformers.utils import logging

    # Its bar would break into the stage's own progress.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        if model_type(folder) == NV_EMBED:
            return _load_nv_embed(folder, settings, device)
        return _load_sentence_model(folder, settings, device)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the model in {folder} does not fit into the memory of {device}. Use a larger GPU, set 'dtype: bfloat16' "
            "for this embedder, or hide the GPUs (CUDA_VISIBLE_DEVICES=) to run it on the CPU."
        ) from error
    except (ValueError, OSError, ImportError, KeyError, AttributeError) as error:
        raise UserError(
            f"the model in {folder} does not load: {error}\nIf it needs code from its repository, set "
            "'remote_code: true' for this embedder; if it is newer than the installed transformers, update that."
        ) from error


def model_type(folder: Path) -> str:
    """``model_type`` of config.json; '' where there is none."""
    path = folder / "config.json"
    return str(json.loads(path.read_text(encoding="utf-8")).get("model_type", "")) if path.is_file() else ""


def _load_nv_embed(folder: Path, settings: Settings, device: str) -> tuple[Any, TextTokens]:
    import torch

    from nofreelunch.embedders.nv_embed import NVEmbed

    if settings.pooling is not None:
        raise UserError("NV-Embed pools by its latent attention; remove 'pooling' from this embedder.")
    if not settings.append_eos:
        raise UserError("NV-Embed was trained with an end-of-sequence token; set 'append_eos: true' for this embedder.")
    tokens = TextTokens.load(folder, settings, last=False)
    model = NVEmbed(folder, getattr(torch, settings.dtype), len(tokens.front)).to(device).eval()
    _check_positions(model, settings)
    return model, tokens


def _load_sentence_model(folder: Path, settings: Settings, device: str) -> tuple[Any, TextTokens | None]:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer
    from tokenizers import Tokenizer

    model = SentenceTransformer(
        str(folder),
        device=device,
        trust_remote_code=settings.remote_code,
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, settings.dtype), "use_safetensors": True},
    )
    first: Any = model[0]
    _set_pooling(model, settings.pooling)
    if settings.attention is not None:
        _see_both_ways(model)
    if not (folder / "modules.json").is_file():
        # A bare transformer with a chat template would have its texts wrapped as chat messages.
        getattr(first, "modality_config", {}).pop("message", None)
    if isinstance(model.tokenizer, Tokenizer):
        model.tokenizer.enable_truncation(settings.max_tokens)
        return model.eval(), None
    _check_positions(model, settings)
    if type(first) is not Transformer or "message" in first.modality_config:
        model.max_seq_length = settings.max_tokens
        return model.eval(), None
    tokens = TextTokens.load(folder, settings, last=pools_last_token(model))
    if first.do_lower_case:
        lower_case(tokens.tokenizer)
    return model.eval(), tokens


def pools_last_token(model: Any) -> bool:
    """Whether a vector is that of a text's last token."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    return any("lasttoken" in str(module.pooling_mode) for module in model if isinstance(module, Pooling))


def _see_both_ways(model: Any) -> None:
    """On the loaded configuration: as an argument of loading it is dropped where the file lacks it, and an argument of
    every call would be a race between threads."""
    transformer = model.transformers_model
    if transformer is None:
        raise UserError("this model has no transformer; remove 'attention' from this embedder.")
    transformer.config.is_causal = False


def _set_pooling(model: Any, mode: str | None) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    if mode is None:
        return
    pooling = next((module for module in model if isinstance(module, Pooling)), None)
    if pooling is None:
        raise UserError(f"this model has no pooling layer to set to '{mode}'; remove 'pooling' from this embedder.")
    pooling.pooling_mode = mode
    pooling.pooling_output_dimension = pooling.embedding_dimension


def _check_positions(model: Any, settings: Settings) -> None:
    positions = _positions(model)
    if positions is not None and settings.max_tokens > positions:
        raise UserError(f"max_tokens is {settings.max_tokens}, but this model has {positions} positions; lower it.")


def _positions(model: Any) -> int | None:
    """How many tokens the model has learned positions for; None where it has none."""
    transformer = model.transformers_model
    for name, module in () if transformer is None else transformer.named_modules():
        if name.endswith("position_embeddings") and hasattr(module, "num_embeddings"):
            return int(module.num_embeddings) - (0 if module.padding_idx is None else int(module.padding_idx) + 1)
    return None


def devices() -> list[str]:
    """All CUDA devices, or the CPU."""
    from importlib import metadata

    # Spares the import of torch where the build itself knows no GPU.
    if metadata.version("torch").endswith("+cpu"):
        return ["cpu"]
    import torch

    return [f"cuda:{i}" for i in range(torch.cuda.device_count())] or ["cpu"]


def hardware() -> Hardware:
    """What this process has."""
    device = devices()[0]
    return Hardware(device.partition(":")[0], resolve_dtype("auto", device))


def resolve_dtype(dtype: str, device: str) -> str:
    """``dtype`` as it is; ``auto`` and ``half`` are float32 on the CPU and on GPUs float16, ``auto`` bfloat16 where the
    GPU has it."""
    if dtype not in ("auto", "half"):
        return dtype
    if device == "cpu":
        return "float32"
    if dtype == "half":
        return "float16"
    import torch

    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
