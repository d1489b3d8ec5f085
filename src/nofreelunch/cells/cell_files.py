"""What the files of one (task, embedder) cell hold, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nofreelunch.base import layout, storage
from nofreelunch.base.arrays import AnyArray, AnyFloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.params import Params
from nofreelunch.tasks.budget import Rounds
from nofreelunch.tasks.labels import Labels, read_labels

# The square of a row's length must be a float32.
LARGEST = np.float64(1e15)


@dataclass(frozen=True)
class Data:
    """What the files of a cell hold.

    Attributes:
        pool, test: (n, d) and (m, d) embeddings as stored.
        pool_labels, test_labels: (n,) and (m,) int64.
        class_count: C.
    """

    pool: AnyFloatArray
    test: AnyFloatArray
    pool_labels: IntArray
    test_labels: IntArray
    class_count: int


def read_data(dataset: str, embedder: str) -> Data:
    """Read and check the files of a cell; the embedding against the digests in its card, where that is at hand.

    Raises:
        UserError: a file is missing, broken or altered, sizes differ, or the embedding is not finite.
    """
    paths = {split: layout.embedding(dataset, embedder, split) for split in ("train", "test")}
    card = layout.embedding_card(dataset, embedder)
    written = (storage.read_json(card).get("files") or {}) if card.is_file() else {}
    for split, path in paths.items():
        if split in written and path.is_file() and storage.file_digest(path) != written[split]:
            raise UserError(
                f"{path} is not the file that was written: {card} names another digest. Delete it and run 'dvc repro'."
            )
    return data_at(paths, read_labels(dataset, embedder), dataset, embedder)


def data_at(paths: Mapping[str, Path], said: Labels, dataset: str, embedder: str) -> Data:
    """The cell whose embedding is in the files ``paths``, and whose labels are ``said``; see `read_data`."""
    arrays: dict[str, Any] = {}
    for split, labels in (("train", said.train), ("test", said.test)):
        path = paths[split]
        features = storage.read_npy(path)
        if features.ndim != 2 or features.dtype.kind != "f" or not features.size or len(features) != len(labels):
            raise UserError(
                f"{path} holds {features.dtype} {features.shape}, but the task has {len(labels)} {split} rows. "
                f"Run 'dvc repro -f embed@{dataset}-{embedder}'."
            )
        # Comparisons are false for NaN.
        wrong = np.flatnonzero(~((features.max(axis=1) <= LARGEST) & (features.min(axis=1) >= -LARGEST)))
        if len(wrong):
            raise UserError(
                f"{path}: {len(wrong)} rows are not finite or beyond ±{LARGEST:g}, the first is row {wrong[0]}. "
                "Check that text, then embed again; a lower-precision dtype may have overflowed."
            )
        arrays[split] = features
    pool, test = arrays["train"], arrays["test"]
    if pool.shape[1] != test.shape[1]:
        raise UserError(
            f"the embedding of {dataset} by {embedder} has {pool.shape[1]} dimensions in the pool and {test.shape[1]} "
            f"in the test rows. Run 'dvc repro -f embed@{dataset}-{embedder}'."
        )
    return Data(pool, test, said.train, said.test, len(said.classes))


def read_pools(dataset: str, embedder: str, rows: int) -> dict[str, AnyArray]:
    """The initial pools of a cell whose pool has ``rows`` rows: ips, seed, rank, row.

    Raises:
        UserError: the file is missing or broken, or holds what is no row of the pool, or a row twice.
    """
    path = layout.pools(dataset, embedder)
    table = storage.read_table(path, required=("ips", "seed", "rank", "row"))
    numbers = [table[name] for name in ("seed", "rank", "row")]
    whole = all(column.dtype == np.int64 for column in numbers)
    if not whole or ((table["row"] < 0) | (table["row"] >= rows)).any():
        raise UserError(
            f"{path} does not belong to a pool of {rows} rows. Run 'dvc repro -f initialize@{dataset}-{embedder}'."
        )
    if len(set(zip(*(table[name].tolist() for name in ("ips", "seed", "row")), strict=True))) < len(table["row"]):
        raise UserError(f"{path} holds a row twice. Run 'dvc repro -f initialize@{dataset}-{embedder}'.")
    return table


def budget_for(params: Params, dataset: str, classes: int, rows: int) -> Rounds:
    """The budget in labels for a task of ``classes`` classes and a pool of ``rows`` rows.

    Raises:
        UserError: k₀ is larger than the pool.
    """
    own = params.datasets[dataset].budget
    budget = params.budget.resolve(own, classes)
    if budget.initial > rows:
        key = f"budget.{params.budget.track}" if own is None else f"datasets.{dataset}.budget"
        raise UserError(
            f"k₀ = {budget.initial} labels ({key}) is more than the pool of {dataset} has ({rows} rows). Lower it in "
            f"params.yaml or raise datasets.{dataset}.train."
        )
    return budget
