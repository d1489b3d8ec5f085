"""A sentence-transformers model on a GPU, which is kept busy: texts are tokenised before it needs them, and results
are fetched one batch late.

`encoding.encode` calls `prepare` for the next chunks in threads while `run` has the GPU. Attention is torch's own
(``sdpa``), as the model's class has it; attention without padding needs compiled packages (flash-attn, kernels).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.embedders import fast_tokens, gpu_memory
from nofreelunch.embedders.sentence_model import SentenceModel, _rows
from nofreelunch.embedders.settings import Settings
from nofreelunch.embedders.text_tokens import PROBE

# Operations of a batch, 2 for each weight and token: half a second of a card that does 500 TFLOP/s, so that starting it
# costs nothing beside. More tokens in a batch than that need memory and gain nothing.
BATCH_OPERATIONS = 2**48
FEWEST, MOST = 16_384, 262_144
START = 4_096
# Of a batch's budget, as padding: measured by benchmarks.padding. Less makes batches too small to keep a GPU busy.
PADDED_SHARE = 1 / 32
# Memory that ends where torch itself asks for it is torch.OutOfMemoryError. Where CUDA, its driver or a library on it
# asks, the error is a RuntimeError that says one of these.
MEMORY_ENDS = (
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)


@contextmanager
def memory_ends() -> Iterator[None]:
    """Any end of a GPU's memory as torch.OutOfMemoryError; every other error as it is."""
    import torch

    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or not any(words in str(error) for words in MEMORY_ENDS):
            raise
        raise torch.OutOfMemoryError(str(error)) from error


class Prepared(NamedTuple):
    """What the model reads of n texts, on the host.

    Attributes:
        features: ids and their mask as (n, longest) tensors, or what else the model's own input module makes.
        lengths: (n,) tokens of each text after it was cut; None for models that pad nothing.
        counts: (n,) tokens of each before that.
    """

    features: dict[str, Any]
    lengths: IntArray | None
    counts: IntArray


class GpuModel(SentenceModel):
    """Turns texts into vectors in two steps, of which only the second needs the GPU.

    A batch is texts of one chunk in the order of their lengths, as many as `budget` holds and are near in length
    (`even_batches`). The budget is that of the model's size wherever the memory allows it (`wanted_budget`), and else
    half of that, a quarter and so on. So the batch a text falls into depends on the texts, and on the card only where
    that is too small; never on rates, on the number of GPUs, or on what the memo has already.

    Raises:
        UserError: the model or one text of ``max_tokens`` does not fit, with what would; or as `SentenceModel`.
    """

    def __init__(self, folder: Path, settings: Settings, device: str) -> None:
        import torch

        # Afterwards a part of the model is there, as long as the error is handled.
        room = gpu_memory.free(device)
        try:
            with memory_ends():
                super().__init__(folder, settings, device)
        except (UserError, torch.OutOfMemoryError) as error:
            if isinstance(error, UserError) and not isinstance(error.__cause__, torch.OutOfMemoryError):
                raise
            said = str(error) if isinstance(error, UserError) else f"{device} has too little memory for {folder}."
            raise UserError(f"{said}\n{gpu_memory.what_fits(folder, settings.dtype, room)}") from error
        self._tokenising = threading.Lock()
        if device != "cpu" and self.tokens is not None:
            self.budget = self.find_budget(gpu_memory.free(device))

    def find_budget(self, room: int) -> int:
        """The padded tokens of a batch, tried out from few to many; ``room`` is what the error says is free, in bytes.

        Raises:
            UserError: not one text of ``max_tokens`` fits beside the model.
        """
        start = max(START, self.settings.max_tokens)
        weights = sum(value.numel() for value in self.model.parameters())
        found = token_budget(self._try, start, max(start, wanted_budget(weights)))
        if found < self.settings.max_tokens:
            raise gpu_memory.text_too_long(self.settings.max_tokens, found, room, self.device, self.folder)
        return found

    def encode_layers(
        self, texts: list[str], prompt: str, layers: Sequence[int | None]
    ) -> tuple[list[FloatArray], IntArray]:
        """See `SentenceModel`; both steps in turn."""
        return self.run(self.prepare(texts, prompt), layers)

    def prepare(self, texts: list[str], prompt: str) -> Prepared:
        """Tokenise ``texts``, each with ``prompt`` put before it; may be called from several threads.

        Raises:
            UserError: a text has no tokens, or a prompt leaves none for it.
        """
        # The tokenizer has threads of its own, and its settings are changed between calls.
        with self._tokenising:
            if self.tokens is not None:
                features, counts = fast_tokens.features(self.tokens, texts, prompt)
            else:
                features, counts = self._features(texts, prompt)
        mask = features.get("attention_mask")
        lengths = None if mask is None else mask.sum(1).numpy()
        if lengths is not None and not lengths.all():
            raise UserError(
                f"the text {texts[int(lengths.argmin())]!r} has no tokens for {self.folder}; remove that row."
            )
        return Prepared(features, lengths, counts)

    def run(self, prepared: Prepared, layers: Sequence[int | None]) -> tuple[list[FloatArray], IntArray]:
        """(n, d) float32 for each of ``layers`` of one chunk, and (n,) its ``counts``.

        Out of memory, what is left of the chunk goes one batch at a time, and batches are halved from then on.

        Raises:
            UserError: the model has no such layer, or one text does not fit into the GPU's memory.
        """
        features, lengths, counts = prepared
        if lengths is None:
            return self._pass(features, layers), counts
        order = np.argsort(-lengths, kind="stable")
        parts = self._pipelined(features, lengths, order, layers)
        done = sum(len(part[0]) for part in parts)
        if done < len(order):
            parts += self._within_memory(features, lengths, order[done:], layers)
        place = np.argsort(order)
        return [np.concatenate(part)[place] for part in zip(*parts, strict=True)], counts

    def _pipelined(
        self, features: dict[str, Any], lengths: IntArray, order: IntArray, layers: Sequence[int | None]
    ) -> list[list[FloatArray]]:
        """The vectors of batches from the first on, up to the one that memory did not suffice for."""
        import torch

        parts: list[list[FloatArray]] = []
        late: _Late | None = None
        try:
            for row in even_batches(lengths[order], self.budget):
                following = self._launch(_rows(features, lengths, order[row]), layers)
                if late is not None:
                    parts.append(self._fetch(late))
                late = following
        except torch.OutOfMemoryError:
            pass
        if late is not None:
            parts.append(self._fetch(late))
        if sum(len(part[0]) for part in parts) < len(order):
            torch.cuda.empty_cache()
        return parts

    def _launch(self, features: dict[str, Any], layers: Sequence[int | None]) -> "_Late":
        """Have the GPU begin with one batch, and with the copies to it and from it."""
        import torch

        with torch.inference_mode(), memory_ends():
            moved = {
                name: self._up(value) if isinstance(value, torch.Tensor) else value for name, value in features.items()
            }
            if set(layers) != {None}:
                self._keep_layers()
            out = self.model(moved)
            states = out.get("all_layer_embeddings", ())
            return _Late(
                [(out["sentence_embedding"] if k is None else self._mean(states, moved, k)).float() for k in layers]
            )

    def _pass(self, features: dict[str, Any], layers: Sequence[int | None]) -> list[FloatArray]:
        with memory_ends():
            return super()._pass(features, layers)

    def _up(self, value: Any) -> Any:
        if self.device == "cpu":
            return value
        return value.pin_memory().to(self.device, non_blocking=True)

    def _fetch(self, late: "_Late") -> list[FloatArray]:
        return [self._finish(vectors) for vectors in late.wait()]

    def _try(self, size: int) -> None:
        """One forward pass of so many tokens in texts as long as they may be, one of them padded."""
        import torch

        row = self._features([PROBE], "")[0]["input_ids"][0]
        length = min(self.settings.max_tokens, size)
        ids = row.repeat(-(-length // len(row)))[:length].repeat(max(1, size // length), 1)
        mask = torch.ones_like(ids)
        if len(ids) > 1:
            mask[-1, 0 if self.tokens is not None and self.tokens.tokenizer.padding_side == "left" else -1] = 0
        self._launch({"input_ids": ids, "attention_mask": mask}, (None,)).wait()


class _Late:
    """Vectors whose computation may still be under way.

    Args:
        vectors: (n, d) float32 tensors on the device.
    """

    def __init__(self, vectors: list[Any]) -> None:
        import torch

        self._event: Any = None
        if vectors[0].is_cuda:
            self._vectors = [
                torch.empty(v.shape, dtype=v.dtype, pin_memory=True).copy_(v, non_blocking=True) for v in vectors
            ]
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record(torch.cuda.current_stream(vectors[0].device))
        else:
            self._vectors = vectors

    def wait(self) -> list[Any]:
        """The vectors on the host."""
        if self._event is not None:
            self._event.synchronize()
        return self._vectors


def even_batches(lengths: IntArray, budget: int) -> Iterator[slice]:
    """Slices of texts ordered from long to short, each of one text, or of at most ``budget`` tokens, padding included,
    of which at most ``PADDED_SHARE`` of the budget are padding."""
    start = 0
    while start < len(lengths):
        longest = int(lengths[start])
        near = lengths[start : start + max(1, budget // longest)]
        padding = longest * np.arange(1, len(near) + 1) - np.cumsum(near)
        stop = start + int(np.searchsorted(padding, PADDED_SHARE * budget, side="right"))
        yield slice(start, stop)
        start = stop


def wanted_budget(weights: int) -> int:
    """Padded tokens of a batch of a model of so many ``weights``: a power of two."""
    tokens = max(FEWEST, min(MOST, BATCH_OPERATIONS // (2 * max(1, weights))))
    return int(2 ** (tokens.bit_length() - 1))


def token_budget(probe: Callable[[int], None], start: int, most: int) -> int:
    """The largest of ``start``, twice, four times … that much, up to ``most``, for which memory suffices; where that
    does not even for ``start``, the first of its half, its quarter and so on for which it does, or 0.

    Args:
        probe: computes as many tokens; raises torch.OutOfMemoryError where memory does not suffice.
        start: tokens of the first probe.
        most: bound of the last.
    """
    size = start
    if _fits(probe, size):
        while 2 * size <= most and _fits(probe, 2 * size):
            size *= 2
        return size
    while size := size // 2:
        if _fits(probe, size):
            break
    return size


def _fits(probe: Callable[[int], None], size: int) -> bool:
    import torch

    try:
        probe(size)
    except torch.OutOfMemoryError:
        fits = False
    else:
        fits = True
    # Outside of the handler, whose traceback holds the tensors.
    if not fits:
        torch.cuda.empty_cache()
    return fits
