"""What became of the rows that were read: each is in the pool, a test row, or left out for a stated reason."""

from typing import Any

from nofreelunch.tasks.counts import counts
from nofreelunch.tasks.table import SMALL_CLASS, Task

SHOWN = 5


def in_words(task: Task, name: str) -> list[str]:
    """The same in lines to read: sizes first, then what was left out, then what is odd."""
    lines = [f"{name}: {len(task.train)} pool rows, {len(task.test)} test rows, {len(task.class_names)} classes"]
    found, card = counts(task.card), task.card
    if not found:
        return lines
    left_out = {
        "without text or label": found["incomplete"],
        "with a text that came before": found["duplicates"],
        "of the pool with the text of a test row": found["also_in_test"],
        "over the caps": found["over_cap"],
    }
    said = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
    lines.append(f"{name}: {found['read']} rows read; {f'left out: {said}' if said else 'none left out'}")
    if torn := found["texts_in_two_classes"]:
        kept = "; the first row of each is kept" if "duplicates_removed" in card else ""
        lines.append(f"{name}: {torn} text{' has' if torn == 1 else 's have'} more than one label{kept}")
    for label, ways in list(card["labels_merged"].items())[:SHOWN]:
        shown = ", ".join(f"{way!r} ({count})" for way, count in ways.items())
        lines.append(f"{name}: read as one class '{label}': {shown}")
    lines += [f"{name}: kept apart, though they are one number: {', '.join(same)}" for same in card["labels_alike"]]
    notes = {
        f"fewer than {SMALL_CLASS} rows": [f"{label} ({count})" for label, count in _small(card).items()],
        "no pool row, so that it cannot be learned": card.get("classes_only_in_test", []),
        "no test row, so that it is not scored": card.get("classes_only_in_train", []),
    }
    for lack, labels in notes.items():
        if labels:
            more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
            lines.append(f"{name}: classes with {lack}: {', '.join(labels[:SHOWN])}{more}")
    return lines


def _small(card: dict[str, Any]) -> dict[str, int]:
    return dict(card.get("small_classes", {}))
