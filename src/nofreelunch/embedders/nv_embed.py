"""NV-Embed-v2 on transformers' own Mistral: attention both ways, latent attention on every token, mean of the text's.

The repository's code does not run with transformers 5 and fetches a tokenizer without a pin; the formula is that of
arXiv 2405.17428, section 3, and of modeling_nvembed.py at commit 7604d305.
"""

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear, normalize, scaled_dot_product_attention
from transformers import MistralConfig, MistralModel

PREFIX = "latent_attention_model."
ATTENTION, FEED = "cross_attend_blocks.0.", "cross_attend_blocks.1."


class _Backbone(MistralModel):  # type: ignore[no-untyped-call]
    """Knows that the file holds the latent attention too."""

    _keys_to_ignore_on_load_unexpected = [re.escape(PREFIX)]  # noqa: RUF012 - the library's own attribute


class NVEmbed(nn.Module):
    """From token ids to unit vectors.

    Args:
        folder: holds config.json (with ``text_config`` and ``latent_attention_config``) and the weights.
        dtype: of the weights.
        front: how many special tokens stand before a text.
    """

    def __init__(self, folder: Path, dtype: torch.dtype, front: int) -> None:
        super().__init__()
        whole = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        own = ("model_type", "architectures", "torch_dtype", "transformers_version", "_name_or_path")
        config = MistralConfig(**{key: value for key, value in whole["text_config"].items() if key not in own})
        config.is_causal, config.sliding_window, config.use_cache = False, None, False
        options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "local_files_only": True}
        mapping = {r"^embedding_model\.": ""}
        options |= {"config": config, "key_mapping": mapping, "output_loading_info": True}
        loaded: Any = _Backbone.from_pretrained(str(folder), **options)
        model, report = loaded
        if report["missing_keys"] or report["mismatched_keys"]:
            raise KeyError(f"weights missing: {sorted(report['missing_keys'])[:3]}")
        self.transformers_model, self.front = model, front
        self.heads = int(whole["latent_attention_config"]["num_cross_heads"])
        for file in sorted(folder.glob("*.safetensors")):
            with safe_open(file, framework="pt") as handle:
                for name in handle.keys():  # noqa: SIM118 - no mapping
                    if name.startswith(PREFIX):
                        buffer = handle.get_tensor(name).to(dtype)
                        self.register_buffer(name.removeprefix(PREFIX).replace(".", "_"), buffer)

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """``sentence_embedding`` (n, d): the mean leaves out padding and the first so many positions as the prompt has
        tokens without special ones, so that BOS counts as the first of them."""
        ids, mask = features["input_ids"], features["attention_mask"]
        states = self._latent(self.transformers_model(input_ids=ids, attention_mask=mask).last_hidden_state)
        skipped = max(0, int(features.get("prompt_length", 0)) - self.front)
        kept = (mask * (mask.cumsum(1) > skipped)).unsqueeze(-1).float()
        return {"sentence_embedding": normalize((states.float() * kept).sum(1) / kept.sum(1), dim=1)}

    def _latent(self, states: Tensor) -> Tensor:
        """States (n, t, d) after a residual block of attention to the latents and one of a gated feed-forward layer."""
        latents = self._norm(self._weight("latents"), ATTENTION + "norm_context")
        keys, values = linear(latents, self._weight(ATTENTION + "fn.to_kv.weight")).chunk(2, dim=-1)
        queries = linear(self._norm(states, ATTENTION + "norm"), self._weight(ATTENTION + "fn.to_q.weight"))
        queries, keys, values = (self._split(side.expand(len(states), -1, -1)) for side in (queries, keys, values))
        found = scaled_dot_product_attention(queries, keys, values)
        joined = found.transpose(-3, -2).flatten(-2)
        states = states + linear(joined, self._weight(ATTENTION + "fn.to_out.weight"))
        a, b = self._linear(self._norm(states, FEED + "norm"), FEED + "fn.net.0").chunk(2, dim=-1)
        return states + self._linear(a * gelu(b), FEED + "fn.net.2")

    def _split(self, rows: Tensor) -> Tensor:
        return rows.reshape(*rows.shape[:-1], self.heads, -1).transpose(-3, -2)

    def _norm(self, rows: Tensor, name: str) -> Tensor:
        weight, bias = self._weight(name + ".weight"), self._weight(name + ".bias")
        return layer_norm(rows, rows.shape[-1:], weight, bias)

    def _linear(self, rows: Tensor, name: str) -> Tensor:
        return linear(rows, self._weight(name + ".weight"), self._weight(name + ".bias"))

    def _weight(self, name: str) -> Tensor:
        return self.get_buffer(name.replace(".", "_"))
