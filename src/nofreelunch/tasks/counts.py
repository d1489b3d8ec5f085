"""The rows of a task in numbers: how many were read, and what was left out."""

from collections.abc import Mapping
from typing import Any

# What `counts` and the sizes of a task are called.
ACCOUNT = {
    "classes": "classes",
    "train": "pool",
    "test": "test rows",
    "read": "rows read",
    "incomplete": "incomplete",
    "duplicates": "duplicates",
    "also_in_test": "also in test",
    "over_cap": "over the caps",
    "small_classes": "small classes",
    "texts_in_two_classes": "texts in two classes",
    "label_rows_merged": "labels merged",
    "classes_only_in_test": "classes not in the pool",
    "classes_only_in_train": "classes not tested",
}


def counts(card: Mapping[str, Any]) -> dict[str, int]:
    """Numbers of rows by what became of them, and of what is odd about them, by a task's ``card``; nothing for a
    built-in task.

    ``read`` is the sum of ``incomplete``, ``duplicates``, ``also_in_test`` and ``over_cap`` and of the rows of both
    splits.
    """
    if "rows_read" not in card:
        return {}
    removed = card.get("duplicates_removed") or dict.fromkeys(("train", "test", "train_also_in_test"), 0)
    return {
        "read": sum(card["rows_read"].values()),
        "incomplete": sum(card["incomplete_rows_dropped"].values()),
        "duplicates": removed["train"] + removed["test"],
        "also_in_test": removed["train_also_in_test"],
        "over_cap": sum(card["rows_over_cap"].values()),
        "texts_in_two_classes": card["texts_in_two_classes"],
        "label_rows_merged": card["label_rows_merged"],
        "small_classes": len(card.get("small_classes", ())),
        "classes_only_in_test": len(card.get("classes_only_in_test", ())),
        "classes_only_in_train": len(card.get("classes_only_in_train", ())),
    }
