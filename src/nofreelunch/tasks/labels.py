"""The labels of a cell, kept beside its embedding so that active learning needs no texts."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nofreelunch.base import layout, storage
from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.tasks.counts import counts


@dataclass(frozen=True)
class Labels:
    """Classes as numbers from 0.

    Attributes:
        classes: the name of class i at place i.
        train, test: (n,) and (m,), row i = row i of the embedding.
        account: `counts.ACCOUNT` as far as known: what became of the rows that were read.
    """

    classes: list[str]
    train: IntArray
    test: IntArray
    account: dict[str, int] = field(default_factory=dict)


def task_labels(dataset: str, train: IntArray, test: IntArray) -> Labels:
    """The labels of a task's splits, with the classes its card lists.

    Raises:
        UserError: the card is missing or broken, or the labels are not those of its classes.
    """
    card = storage.read_json(layout.task_card(dataset))
    said = _checked(card, {"train": train, "test": test}, str(layout.TASKS / dataset))
    sizes = {"classes": len(said.classes), "train": len(train), "test": len(test)}
    return replace(said, account=sizes | counts(card))


def write_labels(dataset: str, embedder: str, train: IntArray, test: IntArray) -> Labels:
    """Write the labels of a task's splits beside its embedding, and give them back; see `task_labels`."""
    said = task_labels(dataset, train, test)
    rows = {"train": said.train.tolist(), "test": said.test.tolist()}
    storage.write_json(layout.labels(dataset, embedder), {"classes": said.classes, "account": said.account} | rows)
    return said


def read_labels(dataset: str, embedder: str) -> Labels:
    """Read the labels of a cell.

    Raises:
        UserError: the file is missing or holds something else.
    """
    path = layout.labels(dataset, embedder)
    found = storage.read_json(path)
    return _checked(found, found, str(path))


def _checked(card: Any, columns: Any, where: str) -> Labels:
    try:
        classes = list(card["classes"])
        train, test = (np.asarray(columns[split]) for split in ("train", "test"))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where} holds no labels ({error!r}). Delete it and run 'dvc repro'.") from error
    if len(classes) < 2:
        raise UserError(f"{where} does not list the classes of the task. Delete it and run 'dvc repro'.")
    for labels in (train, test):
        if labels.ndim != 1 or labels.dtype != np.int64:
            raise UserError(f"{where}: the labels are no whole numbers. Delete it and run 'dvc repro'.")
        wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
        if len(wrong):
            raise UserError(
                f"{where}: row {wrong[0]} has the label {labels[wrong[0]]}, but the task has the classes 0 to "
                f"{len(classes) - 1}. Delete it and run 'dvc repro'."
            )
    return Labels(classes, train, test, dict(card.get("account", {})))
