"""Model families differ: the settings that adapt one, and loading with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nofreelunch.base.errors import UserError


@dataclass(frozen=True)
class Settings:
    """What an adapter changes about a model; every field but ``remote_code`` can change the vectors.

    See ``spec.Transformer`` for the fields' meaning; ``dtype`` is the resolved one.
    """

    max_tokens: int
    pooling: str | None
    padding_side: str | None
    append_eos: bool
    truncate_dim: int | None
    normalise: bool
    dtype: str
    remote_code: bool


@dataclass(frozen=True)
class Hardware:
    """What a model runs on, as far as it can change a vector.

    Attributes:
        kind: ``cpu`` or ``cuda``.
        auto: the weights' dtype that 'auto' means there.
    """

    kind: str
    auto: str


CPU = Hardware("cpu", "float32")
# Best first.
HARDWARE = (Hardware("cuda", "bfloat16"), Hardware("cuda", "float16"), CPU)


def load(folder: Path, settings: Settings, device: str) -> Any:
    """The SentenceTransformer in ``folder``, adapted to ``settings``, ready to encode on ``device``.

    Raises:
        UserError: the model does not load, or a setting does not fit it.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    # Its bar would break into the stage's own progress.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            trust_remote_code=settings.remote_code,
            local_files_only=True,
            model_kwargs={"dtype": getattr(torch, settings.dtype), "use_safetensors": True},
        )
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
    if not (folder / "modules.json").is_file():
        # A bare transformer with a chat template would have its texts wrapped as chat messages.
        getattr(model[0], "modality_config", {}).pop("message", None)
    _set_pooling(model, settings.pooling)
    _set_tokenizer(model, settings)
    return model.eval()


def _set_pooling(model: Any, mode: str | None) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    if mode is None:
        return
    pooling = next((module for module in model if isinstance(module, Pooling)), None)
    if pooling is None:
        raise UserError(f"this model has no pooling layer to set to '{mode}'; remove 'pooling' from this embedder.")
    pooling.pooling_mode = mode
    pooling.pooling_output_dimension = pooling.embedding_dimension


def _set_tokenizer(model: Any, settings: Settings) -> None:
    from tokenizers import Tokenizer

    if isinstance(model.tokenizer, Tokenizer):
        model.tokenizer.enable_truncation(settings.max_tokens)
        return
    positions = _positions(model)
    if positions is not None and settings.max_tokens > positions:
        raise UserError(f"max_tokens is {settings.max_tokens}, but this model has {positions} positions; lower it.")
    model.max_seq_length = settings.max_tokens
    if settings.padding_side is not None:
        model.tokenizer.padding_side = settings.padding_side
    if model.tokenizer.pad_token is None:
        model.tokenizer.pad_token = model.tokenizer.eos_token
    if settings.append_eos:
        _append_eos(model.tokenizer)


def _append_eos(tokenizer: Any) -> None:
    from tokenizers.processors import Sequence, TemplateProcessing

    if tokenizer.eos_token_id is None:
        raise UserError("append_eos is set, but this model's tokenizer has no end-of-sequence token; remove it.")
    if tokenizer("a")["input_ids"][-1:] == [tokenizer.eos_token_id]:
        return
    backend = tokenizer.backend_tokenizer
    end = TemplateProcessing(
        single=f"$A {tokenizer.eos_token}", special_tokens=[(tokenizer.eos_token, tokenizer.eos_token_id)]
    )
    backend.post_processor = end if backend.post_processor is None else Sequence([backend.post_processor, end])


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
    """``dtype`` as it is; ``auto`` is float32 on the CPU, bfloat16 on GPUs that have it, else float16."""
    if dtype != "auto":
        return dtype
    if device == "cpu":
        return "float32"
    import torch

    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
