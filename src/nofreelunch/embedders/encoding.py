"""The encoding loop: chunks of distinct texts, each found in the memo or computed and put there."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nofreelunch.embedders.progress import Progress
from nofreelunch.storage import Memo, digest

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Encoder = Callable[[list[str]], tuple[FloatArray, IntArray]]

# A chunk is what a kill can lose: a few seconds of a small model on one core. Longer texts are mostly cut anyway.
CHUNK_TEXTS = 512
CHUNK_CHARACTERS = 65_536
LONGEST_COUNTED = 2_048


@dataclass(frozen=True)
class Encoded:
    """Vectors of distinct texts.

    Attributes:
        vectors: (n, d) float32.
        tokens: (n,) tokens of each text before truncation.
        seconds: spent on them when they were computed, summed over devices.
    """

    vectors: FloatArray
    tokens: IntArray
    seconds: float


def chunks(texts: Sequence[str]) -> Iterator[IntArray]:
    """Indices of texts of similar length, chunk by chunk from long to short: a function of the set of texts alone."""
    # Long ones first: too little memory shows at once, and the time left is not promised too short.
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), texts[i]))
    start, characters = 0, 0
    for place, i in enumerate(order):
        size = min(len(texts[i]), LONGEST_COUNTED)
        if place > start and (place - start == CHUNK_TEXTS or characters + size > CHUNK_CHARACTERS):
            yield np.array(order[start:place])
            start, characters = place, 0
        characters += size
    if start < len(order):
        yield np.array(order[start:])


def encode(texts: Sequence[str], key: str, load: Callable[[], list[Encoder]], memo: Memo, label: str) -> Encoded:
    """Embed distinct ``texts``; a chunk in the memo is not computed again.

    Args:
        texts: n distinct texts.
        key: digest of everything besides the texts that determines a vector.
        load: the encoders, one for each device; called only if a chunk is missing.
        memo: where chunks are kept.
        label: shown with the progress.
    """
    parts = list(chunks(texts))
    keys = [digest(key, *(texts[i] for i in part)) for part in parts]
    done = {place: found for place, name in enumerate(keys) if (found := memo.load(name)) is not None}
    missing = [place for place in range(len(parts)) if place not in done]
    if missing:
        idle: queue.SimpleQueue[Encoder] = queue.SimpleQueue()
        encoders = load()
        for encoder in encoders:
            idle.put(encoder)

        def compute(place: int) -> int:
            encoder = idle.get()
            try:
                start = time.perf_counter()
                vectors, tokens = encoder([texts[i] for i in parts[place]])
                seconds = np.array([time.perf_counter() - start])
            finally:
                idle.put(encoder)
            done[place] = {"vectors": vectors, "tokens": tokens, "seconds": seconds}
            memo.save(keys[place], done[place])
            return len(parts[place])

        known = sum(len(parts[place]) for place in done)
        with Progress(label, len(texts), known) as progress:
            for count in _map(compute, missing, len(encoders)):
                progress.update(count)
    return _assemble(parts, [done[place] for place in range(len(parts))])


def _map(compute: Callable[[int], int], places: list[int], workers: int) -> Iterator[int]:
    if workers == 1:
        yield from map(compute, places)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(compute, places)
    finally:
        pool.shutdown(cancel_futures=True)


def _assemble(parts: list[IntArray], results: list[dict[str, npt.NDArray[np.generic]]]) -> Encoded:
    order = np.concatenate(parts)
    vectors = np.empty((len(order), results[0]["vectors"].shape[1]), np.float32)
    tokens = np.empty(len(order), np.int64)
    for part, result in zip(parts, results, strict=True):
        vectors[part], tokens[part] = result["vectors"], result["tokens"]
    return Encoded(vectors, tokens, float(sum(result["seconds"].item() for result in results)))
