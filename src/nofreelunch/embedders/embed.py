"""From a task's texts to its embedding: the one entry point for all kinds of embedders."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from nofreelunch.base.arrays import AnyArray, FloatArray
from nofreelunch.base.progress import Progress
from nofreelunch.base.provenance import code_digest, releases
from nofreelunch.base.storage import Memo, digest
from nofreelunch.compute.engine import on_cluster
from nofreelunch.embedders import foreign, own_vectors, text_features
from nofreelunch.embedders.embedding import Embedding
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.pair_formats import FIELDS, columns
from nofreelunch.embedders.shards import best_hardware, embed_missing
from nofreelunch.embedders.spec import EmbedderSpec, Hashing, Lsa, Npy, OutsideSpec, Transformer, layers_beside
from nofreelunch.tasks.table import Split

# Whose versions can change a vector.
TEXT_FEATURE_PACKAGES = ("numpy", "scipy", "scikit-learn")
BLOCK = 8192
Embed = Callable[[Split, Split, str, str, tuple[str, str]], Embedding]


def embed(
    spec: EmbedderSpec,
    train: Split,
    test: Split,
    pair_format: str,
    memo: Memo,
    dataset: str,
    fields: tuple[str, str] = FIELDS,
    grid: Sequence[EmbedderSpec] = (),
) -> Embedding:
    """Embed both splits of one task; labels are never looked at.

    Args:
        spec: the embedder's entry in params.yaml.
        train: the pool.
        test: for evaluation only; it never influences what is fitted.
        pair_format: ``joined``, ``labelled`` or ``concat``; ignored for single texts.
        memo: where finished chunks are kept.
        dataset: the task's name; it chooses the instruction of a prompt, and is shown with the progress.
        fields: the names of the two texts in ``labelled``.
        grid: entries whose vectors are wanted too; those that differ in ``layers`` alone come from the same pass.

    Raises:
        UserError: the model or the vectors cannot be had or loaded, or a setting does not fit.
    """
    if isinstance(spec, Transformer) and not spec.static and on_cluster():
        where, workers = best_hardware()
        model = ModelEmbedder(spec, memo, where, beside=layers_beside(spec, grid))
        texts = model.texts(train, test, pair_format, dataset, fields)
        with Progress(dataset, len(texts), "texts") as progress:
            embed_missing([(model, texts)], workers, progress)
    return embedder(spec, memo, grid)(train, test, pair_format, dataset, fields)


def embed_texts(spec: EmbedderSpec, texts: list[str], memo: Memo, name: str = "your texts") -> FloatArray:
    """(n, d) vectors of ``texts`` (at least one) that are no task's; ``name`` is shown with the progress.

    A model gets them BLOCK by BLOCK in their order, so that a text that is added or changed costs those of its block.
    """
    step = BLOCK if isinstance(spec, Transformer) else len(texts)
    made, found = embedder(spec, memo), []
    for start in range(0, len(texts), step):
        part = texts[start : start + step]
        pool = Split(part, None, np.zeros(len(part), np.int64))
        found.append(made(pool, pool.rows(np.zeros(1, np.int64)), "joined", name, FIELDS).arrays()["train"])
    return found[0] if len(found) == 1 else np.concatenate(found)


def embedder(spec: EmbedderSpec, memo: Memo, grid: Sequence[EmbedderSpec] = ()) -> Embed:
    """`embed` in this process for any number of tasks: a function of train, test, pair_format, dataset and fields."""
    if isinstance(spec, Transformer):
        return ModelEmbedder(spec, memo, beside=layers_beside(spec, grid)).embed
    if isinstance(spec, Npy):
        return partial(_find, spec)
    if isinstance(spec, OutsideSpec):
        return partial(foreign.embed, spec, memo)
    return partial(_compute, spec, memo)


def _find(
    spec: Npy, train: Split, test: Split, pair_format: str, dataset: str, _fields: tuple[str, str] = FIELDS
) -> Embedding:
    splits = {"train": train, "test": test}
    files = own_vectors.digests(spec, dataset)
    vectors = own_vectors.find_vectors(spec, splits, pair_format, dataset)
    card = {"kind": spec.kind, "source": "local files", "sha256": files}
    return Embedding.of(vectors, card)


def _compute(
    spec: Hashing | Lsa, memo: Memo, train: Split, test: Split, pair_format: str, _dataset: str, fields: tuple[str, str]
) -> Embedding:
    splits = {"train": train, "test": test}
    texts = {name: columns(split, pair_format, fields=fields) for name, split in splits.items()}
    versions = releases(*TEXT_FEATURE_PACKAGES)
    settings = {
        "spec": spec.model_dump(),
        "texts": texts,
        "versions": versions,
        "code": code_digest("nofreelunch.embedders.text_features"),
    }
    key = digest("text features", settings)

    def compute() -> dict[str, AnyArray]:
        start = time.process_time()
        method = text_features.hashing if isinstance(spec, Hashing) else text_features.lsa
        train, test = method(spec.dim, texts["train"], texts["test"])
        return {"train": np.stack(train), "test": np.stack(test), "seconds": np.array([time.process_time() - start])}

    found = memo.once(key, compute)
    every = [text for part in texts.values() for column in part for text in column]
    card = {
        "kind": spec.kind,
        "source": "scikit-learn",
        "truncated_share": 0.0,
        "dtype": "float32",
        "versions": versions,
        "device": "cpu",
        "texts": len(every),
        "unique_texts": len(set(every)),
    }
    rate = len(every) / max(float(found["seconds"].item()), 1e-9)
    return Embedding.of({name: list(found[name]) for name in splits}, card, rate)
