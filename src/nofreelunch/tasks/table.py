"""A task as a table: checks, exact de-duplication, the seeded cap, and its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nofreelunch.base import layout, storage
from nofreelunch.base.arrays import AnyArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.randomness import generator

SPLITS = ("train", "test")
# Columns that lead back to the source: its row from 0, and its line from 1 where it has lines. A third one is 'id'.
SMALL_CLASS = 10
ROW, LINE = "source_row", "source_line"


@dataclass(frozen=True)
class Split:
    """Rows of a task in a stable order.

    Attributes:
        text: n texts; the first of the two in a pair task.
        text_pair: n second texts, None in a task of single texts.
        label: (n,) int64, classes as numbers from 0.
        origin: (n,) each: `ROW`, `LINE` and 'id', as far as the source has them.
    """

    text: list[str]
    text_pair: list[str] | None
    label: IntArray
    origin: Mapping[str, AnyArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.text)

    def rows(self, index: IntArray) -> "Split":
        """The rows at ``index``, in that order."""
        pair = self.text_pair
        return Split(
            [self.text[i] for i in index],
            None if pair is None else [pair[i] for i in index],
            self.label[index],
            {name: values[index] for name, values in self.origin.items()},
        )

    def place(self, row: int) -> str:
        """Where row ``row`` stands in its source, in words."""
        if LINE in self.origin:
            return f"line {self.origin[LINE][row]}"
        return f"row {self.origin[ROW][row] if ROW in self.origin else row}"

    def keys(self) -> list[tuple[str, str]]:
        """One key per row, equal for rows of equal texts."""
        return list(zip(self.text, self.text_pair or [""] * len(self), strict=True))

    def digest(self) -> str:
        """SHA-256 (hex) of texts and labels in order."""
        return storage.digest({"text": self.text, "text_pair": self.text_pair}, self.label)


@dataclass(frozen=True)
class Task:
    """A text classification task.

    Attributes:
        class_names: the name of class i at place i.
        train: the pool.
        test: for evaluation only.
        card: facts about its origin and making.
    """

    class_names: tuple[str, ...]
    train: Split
    test: Split
    card: dict[str, Any]


def validate(task: Task, name: str) -> Task:
    """``task`` itself if it can be learned and evaluated; a class without train rows is noted in its card.

    Raises:
        UserError: a split is empty, columns differ in length, a text is blank, a label is no class, only one of
            the splits has pairs, or the train split has fewer than two classes.
    """
    broken = next((class_name for class_name in task.class_names if not is_unicode(class_name)), None)
    if broken is not None:
        raise UserError(f"task '{name}': the label {broken!r} holds half a character (a lone surrogate). Mend it.")
    for split_name in SPLITS:
        _validate_split(getattr(task, split_name), f"task '{name}', {split_name} split", len(task.class_names))
    if (task.train.text_pair is None) != (task.test.text_pair is None):
        raise UserError(f"task '{name}': one split has pairs of texts, the other single texts; use the same columns.")
    trained = np.unique(task.train.label)
    if len(trained) < 2:
        only = task.class_names[trained[0]]
        raise UserError(
            f"task '{name}': every train row has the class '{only}'; a classifier needs at least two classes. "
            "Choose another label column or raise the cap."
        )
    pool, test = set(trained.tolist()), set(task.test.label.tolist())
    counts = np.bincount([*task.train.label, *task.test.label], minlength=len(task.class_names)).tolist()
    notes = {
        "classes_only_in_test": [task.class_names[label] for label in sorted(test - pool)],
        "classes_only_in_train": [task.class_names[label] for label in sorted(pool - test)],
        "small_classes": {name: n for name, n in zip(task.class_names, counts, strict=True) if 0 < n < SMALL_CLASS},
    }
    return replace(task, card=task.card | notes)


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold ``text``: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _validate_split(split: Split, where: str, classes: int) -> None:
    if not len(split):
        raise UserError(f"{where} has no rows. Choose another split or file.")
    if len(split.label) != len(split) or (split.text_pair is not None and len(split.text_pair) != len(split)):
        raise UserError(f"{where}: the columns differ in length. Write the file again with one value in each cell.")
    for column, texts in (("text", split.text), ("text_pair", split.text_pair or [])):
        blank = next((i for i, text in enumerate(texts) if not isinstance(text, str) or not text.strip()), None)
        if blank is not None:
            raise UserError(f"{where}: {split.place(blank)} has no {column}. Remove the row or fill it in.")
        broken = next((i for i, text in enumerate(texts) if not is_unicode(text)), None)
        if broken is not None:
            raise UserError(
                f"{where}: the {column} of {split.place(broken)} holds half a character (a lone surrogate such as "
                "\\ud83d), which no file can hold. Mend what cut it."
            )
    wrong = np.flatnonzero((split.label < 0) | (split.label >= classes))
    if len(wrong):
        raise UserError(
            f"{where}: {split.place(wrong[0])} has the label {split.label[wrong[0]]}; legal labels are 0 to "
            f"{classes - 1}. Remove unlabelled rows or list every class."
        )


def deduplicate(train: Split, test: Split) -> tuple[Split, Split, dict[str, int]]:
    """Keep the first of exactly equal texts in each split, and no train row whose texts occur in test.

    Returns:
        train, test, and how many rows were removed: ``train``, ``test``, ``train_also_in_test``.
    """
    test_rows = _first_of_equals(test)
    train_rows = _first_of_equals(train)
    keys, forbidden = train.keys(), set(test.keys())
    apart = np.array([i for i in train_rows if keys[i] not in forbidden], np.int64)
    removed = {
        "train": len(train) - len(train_rows),
        "test": len(test) - len(test_rows),
        "train_also_in_test": len(train_rows) - len(apart),
    }
    return train.rows(apart), test.rows(test_rows), removed


def conflicts(*splits: Split) -> int:
    """How many different texts stand in more than one class."""
    classes: dict[tuple[str, str], set[int]] = {}
    for split in splits:
        for key, label in zip(split.keys(), split.label.tolist(), strict=True):
            classes.setdefault(key, set()).add(label)
    return sum(len(found) > 1 for found in classes.values())


def _first_of_equals(split: Split) -> IntArray:
    first: dict[tuple[str, str], int] = {}
    for row, key in enumerate(split.keys()):
        first.setdefault(key, row)
    return np.array(list(first.values()), np.int64)


def cap(split: Split, rows: int | None, *names: str | int) -> Split:
    """At most ``rows`` rows, drawn at random within each class in proportion to its size, in their old order.

    Every class keeps at least one row, by largest remainders over the rest.

    Args:
        split: where to draw from.
        rows: the cap, None for all.
        names: of the random generator, e.g. the task, the split and the seed.

    Raises:
        UserError: ``rows`` is smaller than the number of classes.
    """
    if rows is None or rows >= len(split):
        return split
    classes, counts = np.unique(split.label, return_counts=True)
    if rows < len(classes):
        raise UserError(f"a cap of {rows} rows cannot hold the {len(classes)} classes of the task; raise the cap.")
    rng = generator("cap", *names)
    chosen = [
        rng.permutation(np.flatnonzero(split.label == label))[:share]
        for label, share in zip(classes, _shares(counts, rows), strict=True)
    ]
    return split.rows(np.sort(np.concatenate(chosen)))


def _shares(counts: IntArray, total: int) -> IntArray:
    """Whole shares of ``total`` in proportion to ``counts``, each from 1 to its count, by largest remainders."""
    ideal = counts * (total / counts.sum())
    shares: IntArray = np.maximum(1, np.floor(ideal)).astype(np.int64)
    while (missing := total - int(shares.sum())) != 0:
        step = 1 if missing > 0 else -1
        open_ = shares < counts if step > 0 else shares > 1
        gap = np.where(open_, (ideal - shares) * step, -np.inf)
        shares[np.argsort(-gap, kind="stable")[: min(abs(missing), int(open_.sum()))]] += step
    return shares


def write_task(task: Task, dataset: str) -> None:
    """Write both splits and the card of the task ``dataset`` where ``layout`` says."""
    for name in SPLITS:
        split: Split = getattr(task, name)
        pair = {} if split.text_pair is None else {"text_pair": split.text_pair}
        columns = {"text": split.text, **pair, "label": split.label, **split.origin}
        storage.write_table(layout.task_split(dataset, name), columns)
    overlap = len(set(task.train.keys()) & set(task.test.keys()))
    facts = {name: _facts(task, name) for name in SPLITS}
    card = {"classes": list(task.class_names)} | task.card | facts | {"train_test_overlap": overlap}
    storage.write_json(layout.task_card(dataset), card)


def _facts(task: Task, name: str) -> dict[str, Any]:
    split: Split = getattr(task, name)
    counts = np.bincount(split.label, minlength=len(task.class_names)).tolist()
    return {
        "rows": len(split),
        "class_counts": dict(zip(task.class_names, counts, strict=True)),
        "sha256": split.digest(),
    }


def read_split(dataset: str, split: str) -> Split:
    """Read the ``train`` or ``test`` rows of the task ``dataset``.

    Raises:
        UserError: the file is absent, unreadable, or its columns are not those of a task.
    """
    path = layout.task_split(dataset, split)
    columns: Mapping[str, AnyArray] = storage.read_table(path, ("text", "label"))
    label = columns["label"]
    if label.dtype != np.int64:
        raise UserError(f"{path}: the labels are {label.dtype}, not int64. Delete it and run 'dvc repro'.")
    texts: Sequence[str] | None = columns["text_pair"].tolist() if "text_pair" in columns else None
    origin = {name: columns[name] for name in (ROW, LINE, "id") if name in columns}
    found = Split(columns["text"].tolist(), None if texts is None else list(texts), label, origin)
    _validate_split(found, str(path), int(label.max(initial=0)) + 1)
    return found
