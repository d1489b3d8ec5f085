"""From a task's texts to its embedding: the one entry point for all kinds of embedders."""

from collections.abc import Sequence

import numpy as np

from nofreelunch.base.arrays import FloatArray
from nofreelunch.base.progress import Progress
from nofreelunch.base.storage import Memo
from nofreelunch.compute.engine import on_cluster
from nofreelunch.embedders.embedding import Embedding
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.model_entry import layers_beside
from nofreelunch.embedders.pair_formats import FIELDS
from nofreelunch.embedders.section import Fields
from nofreelunch.embedders.shards import best_hardware, embed_missing
from nofreelunch.embedders.spec import EmbedderSpec
from nofreelunch.tasks.table import Split


def embed(
    spec: EmbedderSpec,
    train: Split,
    test: Split,
    pair_format: str,
    memo: Memo,
    dataset: str,
    fields: Fields = FIELDS,
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
    entry = spec.transformer
    if entry is not None and on_cluster():
        where, workers = best_hardware()
        model = ModelEmbedder(entry, memo, where, beside=layers_beside(entry, grid))
        texts = model.texts(train, test, pair_format, dataset, fields)
        with Progress(dataset, len(texts), "texts") as progress:
            embed_missing([(model, texts)], workers, progress)
    return spec.embedder(memo, grid).embed(train, test, pair_format, dataset, fields)


def embed_texts(spec: EmbedderSpec, texts: list[str], memo: Memo, name: str = "your texts") -> FloatArray:
    """(n, d) vectors of ``texts`` (at least one) that are no task's; ``name`` is shown with the progress.

    A kind that says so (`Section.block`) gets them block by block in their order, so that a text that is added or
    changed costs those of its block.
    """
    step = spec.block or len(texts)
    embedder, found = spec.embedder(memo), []
    for start in range(0, len(texts), step):
        part = texts[start : start + step]
        pool = Split(part, None, np.zeros(len(part), np.int64))
        found.append(embedder.embed(pool, pool.rows(np.zeros(1, np.int64)), "joined", name, FIELDS).arrays()["train"])
    return found[0] if len(found) == 1 else np.concatenate(found)
