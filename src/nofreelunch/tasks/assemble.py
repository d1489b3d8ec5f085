"""From columns as they were read to a task: rows without text or label, classes, test rows, duplicates, caps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.randomness import generator
from nofreelunch.tasks.classes import check_names, check_not_ids, check_shared, in_order, spell, tidy
from nofreelunch.tasks.spec import TableTask
from nofreelunch.tasks.table import LINE, ROW, Split, Task, cap, conflicts, deduplicate

# Where more test rows than this, and more than this share of them, are pool rows, a test score is one of memory.
FEW_SHARED, MOST_SHARED = 10, 0.5


@dataclass(frozen=True)
class RawRows:
    """Rows of one split as they were read; nothing about the values is checked.

    Attributes:
        text: n values, should be strings.
        text_pair: n values, None in a task of single texts.
        label: n values: numbers, strings, or a missing one (None, NaN, a blank string).
        lines: n lines of the file on which they begin, None where there are none.
        ids: n names that the user gave them, None without.
        source: the file or split they come from, for messages.
    """

    text: list[Any]
    text_pair: list[Any] | None
    label: list[Any]
    lines: list[int] | None = None
    ids: list[Any] | None = None
    source: str = ""

    @classmethod
    def of(
        cls, columns: Mapping[str, list[Any]], spec: TableTask, source: str = "", lines: list[int] | None = None
    ) -> "RawRows":
        """From the columns that ``spec`` names."""
        pair = None if spec.text_pair is None else columns[spec.text_pair]
        ids = None if spec.id is None else columns[spec.id]
        return cls(columns[spec.text], pair, columns[spec.label], lines, ids, source)

    def place(self, row: int) -> str:
        """Where row ``row`` stands, in words."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    @property
    def origin(self) -> dict[str, AnyArray]:
        """Columns that lead from the rows of the task back to their source."""
        found: dict[str, AnyArray] = {ROW: np.arange(len(self.label), dtype=np.int64)}
        if self.lines is not None:
            found[LINE] = np.array(self.lines, np.int64)
        if self.ids is not None:
            found["id"] = np.array(["" if name is None else str(name) for name in self.ids], object)
        return found


@dataclass(frozen=True)
class Complete:
    """The rows that have texts and a label, as they stand in ``rows``.

    Attributes:
        rows: all rows.
        kept: (m,) which of them are complete.
        label: m labels.
    """

    rows: RawRows
    kept: IntArray
    label: list[Any] = field(repr=False)

    def split(self, numbers: IntArray) -> Split:
        """As rows of a task whose classes are ``numbers``."""
        texts, pair = self.rows.text, self.rows.text_pair
        return Split(
            [texts[i] for i in self.kept],
            None if pair is None else [pair[i] for i in self.kept],
            numbers,
            {name: values[self.kept] for name, values in self.rows.origin.items()},
        )


def assemble(
    spec: TableTask,
    name: str,
    train: RawRows,
    test: RawRows | None,
    card: Mapping[str, Any],
    class_names: Mapping[int, str] | None = None,
    hidden: int | None = None,
) -> Task:
    """Make a task of the rows of both splits.

    Args:
        spec: the task's entry in params.yaml.
        name: the task's name, for messages and for the random generators of the split and the caps.
        train: rows of the pool before the cap.
        test: test rows before the cap; None draws them from ``train``.
        card: facts about their origin.
        class_names: from numbers as labels to the names of their classes; None takes the distinct labels.
        hidden: the number that stands for a missing label, None if every number is a class. A test file that is not
            the pool's has −1 as one, too, where the pool has not.

    Raises:
        UserError: a row lacks its text or label (unless they are to be left out), a text is no string, labels are no
            classes, or most test rows are pool rows.
    """
    where = f"task '{name}'"
    parts = {"train": _complete(train, spec, where, "train", hidden)}
    if test is not None:
        own = hidden is None and not any(_is_hidden(label, -1) for label in parts["train"].label)
        parts["test"] = _complete(test, spec, where, "test", -1 if own else hidden)
    spelled = spell([part.label for part in parts.values()], spec.label_case, where)
    labels = dict(zip(parts, spelled.parts, strict=True))
    if class_names is not None:
        check_names(class_names, where)
        classes = {str(number): class_names[number] for number in sorted(class_names)}
    else:
        if not spec.many_classes:
            check_not_ids(labels["train"], labels.get("test"), where)
        classes = {key: key for key in in_order({key for part in spelled.parts for key in part})}
    splits = {part: rows.split(_numbers(labels[part], classes, where, part)) for part, rows in parts.items()}
    if test is not None:
        check_shared(labels["train"], labels["test"], where)
    else:
        splits = _hold_out(splits["train"], spec, name, list(classes.values()))
    unique_train, unique_test, duplicates = deduplicate(splits["train"], splits["test"])
    texts_in_two_classes = conflicts(splits["train"], splits["test"])
    sizes = {part: len(split) for part, split in splits.items()}
    if spec.deduplicate:
        _not_all_shared(sizes["train"], len(unique_train), duplicates["train_also_in_test"], where)
        _learnable(unique_train, texts_in_two_classes, list(classes.values()), where)
        splits = {"train": unique_train, "test": unique_test}
    elif "deduplicate" not in spec.model_fields_set:
        _not_memory(splits["train"], splits["test"], where)
    capped = {part: cap(rows, getattr(spec, part), name, part, spec.seed) for part, rows in splits.items()}
    facts = {
        "settings": spec.model_dump(exclude={"budget"}),
        "rows_read": {part: len(rows.rows.label) for part, rows in parts.items()},
        "incomplete_rows_dropped": {
            part: len(parts[part].rows.label) - len(parts[part].kept) if part in parts else 0 for part in splits
        },
        "rows_before_cap": sizes,
        "duplicates_removed" if spec.deduplicate else "duplicates_kept": duplicates,
        "rows_over_cap": {part: len(splits[part]) - len(capped[part]) for part in splits},
        "texts_in_two_classes": texts_in_two_classes,
        "labels_merged": spelled.merged,
        "label_rows_merged": spelled.merged_rows,
        "labels_alike": spelled.alike,
        "train_test_overlap": 0 if spec.deduplicate else duplicates["train_also_in_test"],
    }
    return Task(tuple(classes.values()), capped["train"], capped["test"], dict(card) | facts)


def _complete(rows: RawRows, spec: TableTask, where: str, split: str, hidden: int | None) -> Complete:
    where = f"{where}, {rows.source or f'{split} split'}"
    missing = np.zeros(len(rows.label), bool)
    for column, texts in ((spec.text, rows.text), (spec.text_pair or "", rows.text_pair or [])):
        for i, text in enumerate(texts):
            if is_missing(text):
                missing[i] = True
            elif not isinstance(text, str):
                raise UserError(
                    f"{where}: {rows.place(i)} of column '{column}' is {text!r}, not a text. Choose another column."
                )
    unlabelled = np.array([is_missing(label) or _is_hidden(label, hidden) for label in rows.label], bool)
    if len(unlabelled) and unlabelled.all():
        raise UserError(
            f"{where}: all labels of column '{spec.label}' are missing or hidden (−1), as in the test split of a "
            "competition. Choose a labelled split (e.g. test_split: validation) or another label column."
        )
    incomplete = missing | unlabelled
    if incomplete.any() and not spec.drop_incomplete:
        first = int(np.argmax(incomplete))
        lack = "text" if missing[first] else "label"
        raise UserError(
            f"{where}: {rows.place(first)} has no {lack} ({int(incomplete.sum())} of {len(missing)} rows are "
            "incomplete). Mend the data, or set 'drop_incomplete: true' to leave such rows out."
        )
    kept = np.flatnonzero(~incomplete)
    return Complete(rows, kept, [rows.label[i] for i in kept])


def is_missing(value: Any) -> bool:
    """Whether there is no text and no label: nothing, NaN, blanks, or marks that cannot be seen; an empty list."""
    if isinstance(value, str):
        return not tidy(value)
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value))


def _is_hidden(label: Any, hidden: int | None) -> bool:
    if hidden is None or isinstance(label, list | dict):
        return False
    return label == hidden or (isinstance(label, str) and label.strip() in (str(hidden), f"{hidden}.0"))


def _numbers(keys: Sequence[str], classes: Mapping[str, str], where: str, split: str) -> IntArray:
    number = {key: i for i, key in enumerate(classes)}
    strange = next((key for key in keys if key not in number), None)
    if strange is not None:
        raise UserError(f"{where}, {split} split: the label {strange} is none of the {len(number)} classes.")
    return np.array([number[key] for key in keys], np.int64)


def _hold_out(rows: Split, spec: TableTask, name: str, names: Sequence[str]) -> dict[str, Split]:
    """Split by class at random; all rows of equal texts come to the same side, and a class of one text to train."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, key in enumerate(rows.keys()):
        groups.setdefault(key, []).append(i)
    by_class: dict[str, list[list[int]]] = {}
    for members in groups.values():
        by_class.setdefault(names[rows.label[members[0]]], []).append(members)
    rng = generator("hold out", name, spec.seed)
    test = np.zeros(len(rows), bool)
    for label in sorted(by_class):
        equals = by_class[label]
        count = min(max(1, round(spec.test_share * len(equals))), len(equals) - 1)
        for place in rng.permutation(len(equals))[:count]:
            test[equals[place]] = True
    return {"train": rows.rows(np.flatnonzero(~test)), "test": rows.rows(np.flatnonzero(test))}


def _not_all_shared(rows: int, left: int, shared: int, where: str) -> None:
    if rows and not left:
        raise UserError(
            f"{where}: the pool is empty: all its {shared} texts are test rows, too, and are left out. Choose other "
            "test rows, or none, to have them drawn from the pool."
        )


def _learnable(pool: Split, conflicting: int, names: Sequence[str], where: str) -> None:
    found = np.unique(pool.label)
    if conflicting and len(found) == 1:
        raise UserError(
            f"{where}: {conflicting} texts have more than one label, of which the first is kept; what is left is all "
            f"'{names[found[0]]}'. Decide for one label a text."
        )


def _not_memory(train: Split, test: Split, where: str) -> None:
    pool, texts = set(train.keys()), test.keys()
    shared = sum(text in pool for text in texts)
    if shared > max(FEW_SHARED, MOST_SHARED * len(test)):
        raise UserError(
            f"{where}: {shared} of {len(test)} test rows are pool rows. Choose another test split, name the same split "
            "twice to have test rows held out of it, set 'deduplicate: true' to take them out of the pool, or "
            "'deduplicate: false' to keep them all the same."
        )
