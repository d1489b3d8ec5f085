"""The encoding loop: chunks of distinct texts, each found in the memo or computed and put there."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.progress import Progress
from nofreelunch.base.storage import Entry, Memo, digest

Encoder = Callable[[Any], tuple[Sequence[FloatArray], IntArray]]
"""From n texts, or what was prepared of them, to one (n, d) array for each set of vectors that is wanted of them, and
(n,) tokens."""

# A chunk is what a kill can lose: a few seconds of a small model on one core. Longer texts are mostly cut anyway.
CHUNK_TEXTS = 512
CHUNK_CHARACTERS = 65_536
LONGEST_COUNTED = 2_048
# On a GPU about a minute of the largest models (7 billion weights: 83 texts of 168 tokens a second on an H200), and
# enough texts for whole batches of near-equal length.
GPU_CHUNK_TEXTS = 8_192
GPU_CHUNK_CHARACTERS = 2**22
# Chunks that are prepared, or written to the memo, while a GPU has another one.
AHEAD = 2


@dataclass(frozen=True)
class Encoded:
    """Vectors of distinct texts; they stay in the memo, and one chunk at a time is read.

    Attributes:
        memo: holds the chunks.
        keys: of the chunks.
        parts: the texts of each chunk, as indices.
        dim: d.
        tokens: (n,) tokens of each text before truncation.
        seconds: spent on them when they were computed, by the embedder's clock, summed over devices.
    """

    memo: Memo
    keys: list[str]
    parts: list[IntArray]
    dim: int
    tokens: IntArray
    seconds: float

    def fill(self, targets: Sequence[tuple[FloatArray, IntArray]]) -> None:
        """Fill the rows of (m, d) arrays, row i with the vector of the text whose index stands at place i beside it.

        Raises:
            UserError: a chunk is gone from the memo.
        """
        chunk, offset = np.empty(len(self.tokens), np.int64), np.empty(len(self.tokens), np.int64)
        for number, part in enumerate(self.parts):
            chunk[part], offset[part] = number, np.arange(len(part))
        orders = [np.argsort(chunk[texts], kind="stable") for _, texts in targets]
        bounds = [np.searchsorted(np.sort(chunk[texts]), np.arange(len(self.parts) + 1)) for _, texts in targets]
        for number, key in enumerate(self.keys):
            found = self.memo.load(key)
            if found is None:
                raise UserError(f"{self.memo.folder} lost a chunk while it was in use. Run the same command again.")
            for (out, texts), order, bound in zip(targets, orders, bounds, strict=True):
                rows = order[bound[number] : bound[number + 1]]
                out[rows] = found["vectors"][offset[texts[rows]]]


def chunks(texts: Sequence[str], kind: str = "cpu") -> Iterator[IntArray]:
    """Indices of texts of similar length, chunk by chunk from long to short: a function of the set of texts and the
    ``kind`` of device (``cpu`` or ``cuda``) alone.

    Chunks are fixed, and not cut by what a device does in a minute, as a batch is made of the texts of one chunk: the
    vectors would hang on rates. Small models are through with a chunk in seconds; that costs them nothing, since a GPU
    goes on with the next one while this is written.
    """
    most, room = (CHUNK_TEXTS, CHUNK_CHARACTERS) if kind == "cpu" else (GPU_CHUNK_TEXTS, GPU_CHUNK_CHARACTERS)
    # Long ones first: too little memory shows at once, and the time left is not promised too short.
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), texts[i]))
    start, characters = 0, 0
    for place, i in enumerate(order):
        size = min(len(texts[i]), LONGEST_COUNTED)
        if place > start and (place - start == most or characters + size > room):
            yield np.array(order[start:place])
            start, characters = place, 0
        characters += size
    if start < len(order):
        yield np.array(order[start:])


def chunk_keys(texts: Sequence[str], parts: Sequence[IntArray], key: str) -> list[str]:
    """The keys of the memo's entries of chunks; ``key`` is that of `encode`."""
    return [digest(key, *(texts[i] for i in part)) for part in parts]


def encode(
    texts: Sequence[str],
    key: str,
    load: Callable[[], list[Encoder]],
    memo: Memo,
    label: str,
    beside: Sequence[str] = (),
    clock: Callable[[], float] = time.perf_counter,
    kind: str = "cpu",
    prepare: Callable[[list[str]], Any] | None = None,
) -> Encoded:
    """Embed distinct ``texts`` into the memo; a chunk that it holds already is not computed again.

    Args:
        texts: n distinct texts.
        key: digest of everything besides the texts that determines a vector.
        load: the encoders, one for each device; called only if a chunk is missing.
        memo: where chunks are kept.
        label: shown with the progress.
        beside: keys like ``key`` for the further sets of vectors that the encoders give.
        clock: what counts the seconds of a chunk.
        kind: of the devices, which decides on the size of chunks.
        prepare: what can be done with a chunk before an encoder has time for it, which then gets the result and not the
            texts; called in threads, once the encoders are loaded.

    Raises:
        Exception: the first that an encoder or ``prepare`` raises. No chunk is begun after it; those that other
            devices are computing are finished and kept.
    """
    parts = list(chunks(texts, kind))
    keys = chunk_keys(texts, parts, key)
    further = [chunk_keys(texts, parts, other) for other in beside]
    tokens = np.empty(len(texts), np.int64)
    seconds, dims = np.zeros(len(parts)), np.zeros(len(parts), np.int64)

    def note(place: int, chunk: Mapping[str, AnyArray]) -> None:
        tokens[parts[place]] = chunk["tokens"]
        seconds[place], dims[place] = chunk["seconds"].item(), chunk["vectors"].shape[1]

    missing = []
    for place, name in enumerate(keys):
        if (found := memo.load(name)) is None:
            missing.append(place)
        else:
            note(place, found)
    if missing:
        idle: queue.SimpleQueue[Encoder] = queue.SimpleQueue()
        encoders = load()
        for encoder in encoders:
            idle.put(encoder)

        ended = threading.Event()

        def compute(place: int) -> int:
            part: Any = [texts[i] for i in parts[place]]
            if prepare is not None:
                part = prepare(part)
            encoder = idle.get()
            try:
                if ended.is_set():
                    return 0
                chunk, *others = encode_chunk(encoder, part, clock)
            except BaseException:
                # Before another thread gets the encoder.
                ended.set()
                raise
            finally:
                idle.put(encoder)
            for names, entry in zip(further, others, strict=True):
                memo.save(names[place], entry)
            memo.save(keys[place], chunk)
            note(place, chunk)
            return len(parts[place])

        known = len(texts) - sum(len(parts[place]) for place in missing)
        with Progress(label, len(texts), "texts", known) as progress:
            for count in _map(compute, missing, len(encoders) + (0 if prepare is None else AHEAD), ended):
                progress.update(count)
    return Encoded(memo, keys, parts, int(dims[0]), tokens, float(seconds.sum()))


def encode_chunk(encoder: Encoder, texts: Any, clock: Callable[[], float]) -> list[Entry]:
    """The memo's entries of one chunk, one a set of vectors: vectors (n, d), tokens (n,), the pass's seconds (1,)."""
    start = clock()
    sets, tokens = encoder(texts)
    seconds = np.array([clock() - start])
    return [{"vectors": vectors, "tokens": tokens, "seconds": seconds} for vectors in sets]


def _map(compute: Callable[[int], int], places: list[int], workers: int, ended: threading.Event) -> Iterator[int]:
    """What ``compute`` gives for each of the ``places``, as each is done, by so many threads.

    An error, in a thread or in who reads this, sets ``ended``: nothing is begun then, and what is under way is waited
    for.
    """
    if workers == 1:
        yield from map(compute, places)
        return

    def begin(place: int) -> int:
        if ended.is_set():
            return 0
        try:
            return compute(place)
        except BaseException:
            ended.set()
            raise

    pool = ThreadPoolExecutor(workers)
    try:
        for done in as_completed([pool.submit(begin, place) for place in places]):
            yield done.result()
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)
