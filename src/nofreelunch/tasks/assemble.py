"""From columns as they were read to a task: rows without text or label, classes, duplicates, caps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nofreelunch.base.errors import UserError
from nofreelunch.tasks.spec import TableTask
from nofreelunch.tasks.table import Split, Task, cap, deduplicate


@dataclass(frozen=True)
class Rows:
    """Rows of one split as they were read; nothing about the values is checked.

    Attributes:
        text: n values, should be strings.
        text_pair: n values, None in a task of single texts.
        label: n values: numbers, strings, or a missing one (None, NaN, a blank string).
    """

    text: list[Any]
    text_pair: list[Any] | None
    label: list[Any]

    @classmethod
    def of(cls, columns: Mapping[str, list[Any]], spec: TableTask) -> "Rows":
        """From the columns that ``spec`` names."""
        pair = None if spec.text_pair is None else columns[spec.text_pair]
        return cls(columns[spec.text], pair, columns[spec.label])

    def keep(self, rows: npt.NDArray[np.int64]) -> "Rows":
        """The rows at ``rows``, in that order."""
        text, pair, label = self.text, self.text_pair, self.label
        return Rows(
            [text[i] for i in rows], None if pair is None else [pair[i] for i in rows], [label[i] for i in rows]
        )


def assemble(
    spec: TableTask,
    name: str,
    train: Rows,
    test: Rows,
    card: Mapping[str, Any],
    class_names: Mapping[int, str] | None = None,
    hidden: int | None = None,
) -> Task:
    """Make a task of the rows of both splits.

    Args:
        spec: the task's entry in params.yaml.
        name: the task's name, for messages and for the random generators of the caps.
        train: rows of the pool before the cap.
        test: test rows before the cap.
        card: facts about their origin.
        class_names: from numbers as labels to the names of their classes; None takes the distinct labels.
        hidden: the number that stands for a missing label, None if every number is a class.

    Raises:
        UserError: a row lacks its text or label (unless they are to be left out), a text is no string, or labels
            are no classes.
    """
    complete, dropped = {}, {}
    for split_name, rows in (("train", train), ("test", test)):
        complete[split_name], dropped[split_name] = _complete(rows, spec, name, split_name, hidden)
    classes = _classes([*complete["train"].label, *complete["test"].label], class_names, name)
    splits = {part: _split(rows, classes, name, part) for part, rows in complete.items()}
    sizes = {part: len(split) for part, split in splits.items()}
    unique_train, unique_test, duplicates = deduplicate(splits["train"], splits["test"])
    if spec.deduplicate:
        splits = {"train": unique_train, "test": unique_test}
    facts = {
        "settings": spec.model_dump(exclude={"budget"}),
        "rows_before_cap": sizes,
        "incomplete_rows_dropped": dropped,
        "duplicates_removed" if spec.deduplicate else "duplicates_kept": duplicates,
        "train_test_overlap": 0 if spec.deduplicate else duplicates["train_also_in_test"],
    }
    return Task(
        tuple(classes.values()),
        cap(splits["train"], spec.train, name, "train", spec.seed),
        cap(splits["test"], spec.test, name, "test", spec.seed),
        dict(card) | facts,
    )


def _complete(rows: Rows, spec: TableTask, name: str, split: str, hidden: int | None) -> tuple[Rows, int]:
    """The rows that have texts and a label, and how many have not."""
    where = f"task '{name}', {split} split"
    columns = [(spec.text, rows.text), (spec.text_pair or "", rows.text_pair or [])]
    missing = np.zeros(len(rows.label), bool)
    for column, texts in columns:
        for i, text in enumerate(texts):
            if _is_missing(text):
                missing[i] = True
            elif not isinstance(text, str):
                raise UserError(
                    f"{where}: row {i} of column '{column}' is {text!r}, not a text. Choose another column."
                )
    without_text = int(np.argmax(missing)) if missing.any() else None
    unlabelled = np.array(
        [_is_missing(label) or (hidden is not None and label == hidden) for label in rows.label], bool
    )
    if len(unlabelled) and unlabelled.all():
        raise UserError(
            f"{where}: all labels of column '{spec.label}' are missing or hidden (−1), as in the test split of a "
            "competition. Choose a labelled split (e.g. test_split: validation) or another label column."
        )
    dropped = int((missing | unlabelled).sum())
    if dropped and not spec.drop_incomplete:
        first = int(np.argmax(missing | unlabelled))
        lack = "text" if first == without_text else "label"
        raise UserError(
            f"{where}: row {first} has no {lack} ({dropped} of {len(missing)} rows are incomplete). Mend the data, or "
            "set 'drop_incomplete: true' to leave such rows out."
        )
    return (rows.keep(np.flatnonzero(~(missing | unlabelled))) if dropped else rows), dropped


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _classes(labels: list[Any], class_names: Mapping[int, str] | None, name: str) -> dict[str, str]:
    """From the key of each class (see ``_key``) to its name, in the order of their numbers."""
    if class_names is not None:
        return {str(number): class_names[number] for number in sorted(class_names)}
    keys = {_key(label, name) for label in labels}
    if len(keys) > 20 and len(keys) > len(labels) / 2:
        raise UserError(
            f"task '{name}': {len(labels)} rows have {len(keys)} different labels. Is this the column of the class? "
            "Correct 'label'."
        )
    try:
        order = sorted(keys, key=int)
    except ValueError:
        order = sorted(keys)
    return {key: key for key in order}


def _key(label: Any, name: str) -> str:
    """One spelling for each class: 1, 1.0 and "1" are the same."""
    if isinstance(label, float):
        if not label.is_integer():
            raise UserError(f"task '{name}': the label {label} is no class. Choose a column of whole numbers or names.")
        return str(int(label))
    if isinstance(label, str | bool | int | np.integer):
        return str(label)
    raise UserError(f"task '{name}': the label {label!r} is no class. Choose a column of whole numbers or names.")


def _split(rows: Rows, classes: Mapping[str, str], name: str, split: str) -> Split:
    number = {key: i for i, key in enumerate(classes)}
    keys = [_key(label, name) for label in rows.label]
    strange = next((key for key in keys if key not in number), None)
    if strange is not None:
        raise UserError(f"task '{name}', {split} split: the label {strange} is none of the {len(number)} classes.")
    return Split(rows.text, rows.text_pair, np.array([number[key] for key in keys], np.int64))
