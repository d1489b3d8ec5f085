"""What the files of one (task, embedder) cell hold, checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nofreelunch import layout, storage
from nofreelunch.errors import UserError
from nofreelunch.labels import read_labels
from nofreelunch.params import Params, Rounds

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """What the files of a cell hold.

    Attributes:
        pool, test: (n, d) and (m, d) embeddings as stored.
        pool_labels, test_labels: (n,) and (m,) int64.
        class_count: C.
    """

    pool: npt.NDArray[np.floating]
    test: npt.NDArray[np.floating]
    pool_labels: IntArray
    test_labels: IntArray
    class_count: int


def read_data(dataset: str, embedder: str) -> Data:
    """Read and check the files of a cell.

    Raises:
        UserError: a file is missing or broken, sizes differ, or the embedding is not finite.
    """
    said = read_labels(dataset, embedder)
    arrays: dict[str, Any] = {}
    for split, labels in (("train", said.train), ("test", said.test)):
        path = layout.embedding(dataset, embedder, split)
        features = storage.read_npy(path)
        if features.ndim != 2 or features.dtype.kind != "f" or len(features) != len(labels):
            raise UserError(
                f"{path} holds {features.dtype} {features.shape}, but the task has {len(labels)} {split} rows. "
                f"Run 'dvc repro -f embed@{dataset}-{embedder}'."
            )
        wrong = np.flatnonzero(~np.isfinite(features).all(axis=1))
        if len(wrong):
            raise UserError(
                f"{path}: {len(wrong)} rows are not finite, the first is row {wrong[0]}. "
                "Check that text, then embed again; a lower-precision dtype may have overflowed."
            )
        arrays[split] = features
    return Data(arrays["train"], arrays["test"], said.train, said.test, len(said.classes))


def rounds_of(params: Params, dataset: str, data: Data) -> Rounds:
    """The budget in labels for ``data``.

    Raises:
        UserError: k₀ is larger than the pool.
    """
    budget = params.budget.resolve(data.class_count)
    if budget.initial > len(data.pool):
        raise UserError(
            f"k₀ = {budget.initial} labels (budget.{params.budget.track}) is more than the pool of {dataset} has "
            f"({len(data.pool)} rows). Lower it in params.yaml or raise datasets.{dataset}.train."
        )
    return budget
