"""Embedding on a cluster: chunks of texts go to its workers, each of which keeps one model loaded, on its own GPU."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from nofreelunch.base.errors import UserError
from nofreelunch.base.progress import Progress
from nofreelunch.base.storage import Entry, Memo
from nofreelunch.compute.engine import ask_workers, map_works
from nofreelunch.compute.work import Work
from nofreelunch.embedders.adapter import HARDWARE, Hardware, devices, hardware
from nofreelunch.embedders.encoding import encode_chunk
from nofreelunch.embedders.model_embedder import ModelEmbedder, Texts
from nofreelunch.embedders.model_entry import ModelEntry

Piece = tuple[tuple[str, ...], str, list[str]]
"""The keys of a chunk's entries in the memo, one for each of the embedder's layers, the prompt and the texts."""


def best_hardware() -> tuple[Hardware, dict[str, int]]:
    """The best hardware among the cluster's workers, and those that have it: each one's number on its machine.

    Raises:
        UserError: the cluster cannot be used.
    """
    found = ask_workers(hardware)
    broken = next((answer for answer in found.values() if isinstance(answer, Exception)), None)
    if broken is not None:
        raise UserError(f"a worker of the cluster cannot embed: {broken!r}. Mend or stop it.") from broken
    best = min(found.values(), key=HARDWARE.index)
    machines: dict[str, list[str]] = defaultdict(list)
    for address in sorted(address for address, answer in found.items() if answer == best):
        machines[address.rpartition(":")[0]].append(address)
    return best, {address: number for addresses in machines.values() for number, address in enumerate(addresses)}


def embed_missing(wanted: Iterable[tuple[ModelEmbedder, Texts]], workers: dict[str, int], progress: Progress) -> None:
    """Have ``workers`` (`best_hardware`) embed what the memo lacks of ``wanted``, all chunks side by side.

    Args:
        wanted: what is to be embedded, one after the other.
        workers: addresses, each with its number on its machine.
        progress: counts texts.
    """
    memos: dict[str, Memo] = {}
    sizes: dict[str, int] = {}

    def works() -> Iterator[Work[dict[str, Entry]]]:
        for embedder, texts in wanted:
            chunks = embedder.missing(texts)
            for keys, chunk in chunks.items():
                memos.update(dict.fromkeys(keys, embedder.memo))
                sizes[keys[0]] = len(chunk)
            progress.known(len(texts) - sum(len(chunk) for chunk in chunks.values()))
            files, beside = embedder.files, embedder.layers[1:]
            model = (embedder.spec, beside, embedder.where, files.weights, files.configuration, workers)
            pieces: list[Piece] = [(keys, texts.prompt, chunk) for keys, chunk in chunks.items()]
            yield Work(_encode, model, pieces, tuple(workers))

    for _, entries in map_works(works()):
        for key, entry in entries.items():
            memos.pop(key).save(key, entry)
            progress.update(sizes.pop(key, 0))


# The model of the last piece; another one takes its place and never stands beside it.
_loaded: dict[str, ModelEmbedder] = {}


def _encode(
    spec: ModelEntry,
    beside: tuple[int | None, ...],
    where: Hardware,
    weights: str,
    configuration: str,
    workers: dict[str, int],
    piece: Piece,
) -> dict[str, Entry]:
    """In a worker: one chunk as entries of the memo.

    Raises:
        UserError: the worker finds another model under this name.
    """
    keys, prompt, texts = piece
    name = f"{spec.model_dump_json()} {beside}"
    if name not in _loaded:
        _loaded.clear()
        _loaded[name] = ModelEmbedder(spec, Memo.default(), where, [_device(where, workers)], beside)
    embedder = _loaded[name]
    if (embedder.files.weights, embedder.files.configuration) != (weights, configuration):
        raise UserError(
            f"a worker finds other files of {spec.hub} ({embedder.files.folder}) than the process that asks. Put the "
            "same model there, or set 'revision' of this embedder."
        )
    return dict(zip(keys, encode_chunk(embedder.encoders(prompt)[0], texts, embedder.clock), strict=True))


def _device(where: Hardware, workers: dict[str, int]) -> str:
    """The worker's own GPU: by its number on its machine among those that this process may see."""
    from distributed import get_worker

    if where.kind == "cpu":
        return "cpu"
    visible = devices()
    return visible[workers.get(get_worker().address, 0) % len(visible)]
