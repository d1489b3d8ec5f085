"""The labels of a cell, kept beside its embedding so that active learning needs no texts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nofreelunch import layout, storage
from nofreelunch.errors import UserError

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """Classes as numbers from 0.

    Attributes:
        classes: the name of class i at place i.
        train, test: (n,) and (m,), row i = row i of the embedding.
    """

    classes: list[str]
    train: IntArray
    test: IntArray


def copy_labels(dataset: str, embedder: str) -> None:
    """Write the labels of a task beside its embedding.

    Raises:
        UserError: a file of the task is missing or broken.
    """
    classes = storage.read_json(layout.task_card(dataset))["classes"]
    rows = {
        split: storage.read_table(layout.task_split(dataset, split), required=("label",))["label"].tolist()
        for split in ("train", "test")
    }
    storage.write_json(layout.labels(dataset, embedder), {"classes": classes} | rows)


def read_labels(dataset: str, embedder: str) -> Labels:
    """Read the labels of a cell.

    Raises:
        UserError: the file is missing or holds something else.
    """
    path = layout.labels(dataset, embedder)
    found = storage.read_json(path)
    try:
        return Labels(list(found["classes"]), *(np.array(found[split], np.int64) for split in ("train", "test")))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} holds no labels ({error!r}). Delete it and run 'dvc repro'.") from error
