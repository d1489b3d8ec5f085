"""One sentence-transformers model on one device, run in batches of near-equal length under a token budget."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.embedders.adapter import load
from nofreelunch.embedders.settings import Settings
from nofreelunch.embedders.text_tokens import PROBE

# Padded tokens per batch. Measured: small batches of near-equal length keep a core's cache warm and waste no padding;
# a GPU wants large ones.
CPU_BATCH_TOKENS = 512
GPU_BATCH_TOKENS = 16_384


class SentenceModel:
    """Turns texts into vectors through the model's own modules (pooling, dense and normalising ones included).

    Args:
        folder: a checked model folder.
        settings: the adapter.
        device: ``cpu`` or ``cuda:i``.

    Raises:
        UserError: the model does not load, or a setting does not fit it.
    """

    def __init__(self, folder: Path, settings: Settings, device: str) -> None:
        self.folder, self.settings, self.device = folder, settings, device
        self.model, self.tokens = load(folder, settings, device)
        self.budget = CPU_BATCH_TOKENS if device == "cpu" else GPU_BATCH_TOKENS
        if settings.attention is not None:
            self._check_attention()
        self._check_padding()

    def encode(self, texts: list[str], prompt: str) -> tuple[FloatArray, IntArray]:
        """Embed ``texts``, each with ``prompt`` put before it: `encode_layers` for the whole model."""
        (vectors,), tokens = self.encode_layers(texts, prompt, (None,))
        return vectors, tokens

    def encode_layers(
        self, texts: list[str], prompt: str, layers: Sequence[int | None]
    ) -> tuple[list[FloatArray], IntArray]:
        """Embed ``texts``, each with ``prompt`` put before it, in one pass for all ``layers`` (see ``model_entry``).

        Batches depend on ``texts`` alone. On the CPU they run side by side, each on one core, so that the number of
        cores does not change a bit of the result. Out of memory on a GPU, the batches are halved from then on.

        Returns:
            (n, d) float32 for each of ``layers``, and (n,) the number of tokens of each text before truncation.

        Raises:
            UserError: the model has no such layer, a text has no tokens, a prompt leaves none for it, or not even one
                text fits into the GPU's memory.
        """
        features, tokens = self._features(texts, prompt)
        mask = features.get("attention_mask")
        if mask is None:
            return self._pass(features, layers), tokens
        lengths = mask.sum(1).numpy()
        if not lengths.all():
            raise UserError(
                f"the text {texts[int(lengths.argmin())]!r} has no tokens for {self.folder}; remove that row."
            )
        order = np.argsort(-lengths, kind="stable")
        if self.device == "cpu":
            parts = self._in_parallel(features, lengths, order, layers)
        else:
            parts = self._within_memory(features, lengths, order, layers)
        place = np.argsort(order)
        return [np.concatenate(part)[place] for part in zip(*parts, strict=True)], tokens

    def _features(self, texts: list[str], prompt: str) -> tuple[dict[str, Any], IntArray]:
        """What the model reads of ``texts``, and the number of tokens of each before it was cut."""
        if self.tokens is not None:
            return self.tokens.features(texts, prompt)
        features = dict(self.model.preprocess(texts, prompt=prompt or None))
        mask = features.get("attention_mask")
        lengths = None if mask is None else mask.sum(1).numpy()
        return features, self._count(texts, prompt, lengths)

    def _check_padding(self) -> None:
        """A text in company of a longer one, and so padded, must have the vector that it has alone.

        Raises:
            UserError: it has not.
        """
        alone = self._forward(self._features([PROBE], "")[0])[0]
        features, _ = self._features([PROBE, " ".join([PROBE] * 3)], "")
        padded = self._forward(features)[0]
        cosine = float(alone @ padded / max(np.linalg.norm(alone) * np.linalg.norm(padded), 1e-30))
        if cosine < (0.9999 if self.settings.dtype == "float32" else 0.98):
            raise UserError(
                f"padding changes the vectors of {self.folder} (cosine {cosine:.3f}): it pads on the wrong side, or "
                "its code does not mask padding. Set 'padding_side' of this embedder to the other side."
            )

    def _check_attention(self) -> None:
        """The first token of a text must see the last one, as the entry says.

        Raises:
            UserError: it does not.
        """
        import torch

        if self.tokens is None or (transformer := self.model.transformers_model) is None:
            raise UserError(f"{self.folder} has no transformer; remove 'attention' from this embedder.")
        ids = self.tokens.features([PROBE], "")[0]["input_ids"].to(self.device)
        other = ids.clone()
        other[:, -1] = (ids[:, -1] + 1) % int(transformer.get_input_embeddings().num_embeddings)
        with torch.inference_mode():
            first = [transformer(input_ids=row).last_hidden_state[0, 0] for row in (ids, other)]
        if torch.equal(*first):
            raise UserError(
                f"'attention: bidirectional' has no effect on {self.folder}, whose code lets a token see only those "
                "before it; remove it from this embedder."
            )

    def _in_parallel(
        self, features: dict[str, Any], lengths: IntArray, order: IntArray, layers: Sequence[int | None]
    ) -> list[list[FloatArray]]:
        import torch

        cores = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(cores) as pool:
                rows = batches(lengths[order], self.budget)
                return list(pool.map(lambda row: self._pass(_rows(features, lengths, order[row]), layers), rows))
        finally:
            torch.set_num_threads(cores)

    def _within_memory(
        self, features: dict[str, Any], lengths: IntArray, order: IntArray, layers: Sequence[int | None]
    ) -> list[list[FloatArray]]:
        import torch

        parts: list[list[FloatArray]] = []
        done = 0
        while done < len(order):
            row = next(batches(lengths[order[done:]], self.budget))
            chosen = order[done:][row]
            try:
                parts.append(self._pass(_rows(features, lengths, chosen), layers))
                done += len(chosen)
                continue
            except torch.OutOfMemoryError as error:
                if len(chosen) == 1:
                    raise UserError(
                        f"one text of {lengths[chosen[0]]} tokens does not fit into the memory of {self.device}. "
                        "Lower 'max_tokens' of this embedder, set 'dtype: bfloat16', or use a larger GPU."
                    ) from error
            # Outside of the handler, whose traceback holds the tensors.
            self.budget = max(1, int(lengths[chosen].max()) * len(chosen) // 2)
            torch.cuda.empty_cache()
        return parts

    def _forward(self, features: dict[str, Any]) -> FloatArray:
        return self._pass(features, (None,))[0]

    def _pass(self, features: dict[str, Any], layers: Sequence[int | None]) -> list[FloatArray]:
        """The vectors of one batch for each of ``layers``."""
        import torch

        with torch.inference_mode():
            moved = {
                name: value.to(self.device) if isinstance(value, torch.Tensor) else value
                for name, value in features.items()
            }
            if set(layers) != {None}:
                self._keep_layers()
            out = self.model(moved)
            states = out.get("all_layer_embeddings", ())
            return [
                self._finish(out["sentence_embedding"] if k is None else self._mean(states, moved, k)) for k in layers
            ]

    def _keep_layers(self) -> None:
        """Have the model give the token vectors after every layer, which changes none of them."""
        transformer = getattr(self.model, "transformers_model", None)
        if transformer is None:
            raise UserError(f"{self.folder} has no transformer layers to stop after; remove 'layers'.")
        transformer.config.output_hidden_states = True

    def _mean(self, states: Sequence[Any], features: dict[str, Any], layer: int) -> Any:
        """(n, d) mean over the tokens of each text after ``layer`` of ``states``, computed in float32."""
        if not states:
            raise UserError(f"the code of {self.folder} does not give the vectors after its layers; remove 'layers'.")
        if layer >= len(states):
            raise UserError(f"layers is {layer}, but {self.folder} has {len(states) - 1}; lower it.")
        mask = features["attention_mask"][:, :, None].float()
        return (states[layer].float() * mask).sum(1) / mask.sum(1)

    def _finish(self, vectors: Any) -> FloatArray:
        from torch.nn.functional import normalize

        vectors = vectors.float()
        cut = self.settings.truncate_dim
        if cut is not None:
            if cut > vectors.shape[1]:
                raise UserError(f"truncate_dim is {cut}, but {self.folder} gives {vectors.shape[1]} dimensions.")
            vectors = vectors[:, :cut]
        if self.settings.normalise:
            vectors = normalize(vectors, dim=1)
        return vectors.cpu().numpy()  # type: ignore[no-any-return]

    def _count(self, texts: list[str], prompt: str, lengths: IntArray | None) -> IntArray:
        """Tokens before truncation, by a tokenizer of sentence-transformers; only texts that fill the window are
        tokenised again."""
        limit = self.settings.max_tokens
        full = np.arange(len(texts)) if lengths is None else np.flatnonzero(lengths >= limit)
        counts = np.zeros(len(texts), np.int64) if lengths is None else lengths.astype(np.int64)
        whole = [prompt + texts[i] for i in full]
        tokenizer = self.model.tokenizer
        if not whole:
            return counts
        if lengths is None:
            counts[full] = [
                len(item.ids) + sum(len(rest.ids) for rest in item.overflowing)
                for item in tokenizer.encode_batch(whole, add_special_tokens=False)
            ]
        else:
            counts[full] = [len(ids) for ids in tokenizer(whole, truncation=False, verbose=False)["input_ids"]]
        return counts


def batches(lengths: IntArray, budget: int) -> Iterator[slice]:
    """Slices of texts ordered from long to short, each of at most ``budget`` padded tokens or of one text."""
    start = 0
    while start < len(lengths):
        stop = start + max(1, budget // int(lengths[start]))
        yield slice(start, stop)
        start = stop


def _rows(features: dict[str, Any], lengths: IntArray, chosen: IntArray) -> dict[str, Any]:
    """The features of the ``chosen`` texts without the columns that pad all of them."""
    mask = features["attention_mask"]
    longest = int(lengths[chosen].max())
    left = not bool(mask[int(chosen[0]), 0]) and bool(mask[int(chosen[0]), -1])
    columns = slice(mask.shape[1] - longest, None) if left else slice(0, longest)
    return {
        name: value[chosen][:, columns] if getattr(value, "shape", None) == mask.shape else value
        for name, value in features.items()
    }
