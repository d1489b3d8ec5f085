"""From labels as people wrote them to classes: what is open, skipped, new, misspelt, or contradicts itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.labelling.state import OPEN, SKIPPED
from nofreelunch.tasks.classes import in_order, spell, tidy

SLIP = 0.85


@dataclass(frozen=True)
class Answers:
    """The labels of a file.

    Attributes:
        names: of the C classes: those that are expected in their order, then the others.
        labels: (n,) int64 classes, OPEN or SKIPPED.
        spelled: for each class that is written in more than one way, how many rows have each.
        unseen: names that are expected and that no row has.
        unexpected: names that rows have, where others are expected.
        slips: (rarer, more frequent) names of classes so alike that one may be a slip of the pen.
    """

    names: list[str]
    labels: IntArray
    spelled: dict[str, dict[str, int]]
    unseen: list[str]
    unexpected: list[str]
    slips: list[tuple[str, str]]


def read_answers(
    labels: Sequence[str], skip: str, expected: Sequence[str] = (), *, accept: bool = False, where: str = ""
) -> Answers:
    """The classes of ``labels``.

    Args:
        labels: n labels as they are written, an empty one where nobody answered.
        skip: what stands where a person would not answer.
        expected: names of classes that are known to exist.
        accept: whether names that differ in case alone are different classes.
        where: for messages.

    Raises:
        UserError: two names differ in case alone, and nobody said what that means.
    """
    rows = [i for i, label in enumerate(labels) if label and label != skip]
    try:
        found = spell([[labels[i] for i in rows], list(expected)], "keep" if accept else None, where)
    except UserError as error:
        said = str(error).partition(" Set 'label_case")[0]
        raise UserError(
            f"{said} Write them alike in the file, or repeat the command with --accept-new if they are two classes."
        ) from error
    seen, named = found.parts[0], list(dict.fromkeys(found.parts[1]))
    names = [*named, *in_order(set(seen) - set(named))]
    number = {name: i for i, name in enumerate(names)}
    classes = np.array([SKIPPED if label == skip else OPEN for label in labels], np.int64)
    classes[rows] = [number[name] for name in seen]
    counts = Counter(seen)
    unexpected = [name for name in names if name not in named] if named else []
    unseen = [name for name in named if not counts[name]]
    return Answers(names, classes, found.merged if rows else {}, unseen, unexpected, _slips(counts))


def _slips(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Names with one row or two that are nearly another's with ten times as many."""
    frequent = [name for name, count in counts.items() if count >= 10]
    pairs = []
    for name, count in counts.items():
        near = get_close_matches(name, [other for other in frequent if counts[other] >= 10 * count], 1, SLIP)
        pairs += [(name, near[0])] if near and count <= 2 else []
    return pairs


def almost(name: str, known: Sequence[str]) -> str | None:
    """The ``known`` name that differs from ``name`` in blanks, invisible marks or case alone; None for none."""
    if name in known:
        return None
    return next((other for other in known if tidy(other).casefold() == tidy(name).casefold()), None)


def of_groups(labels: IntArray, group: IntArray) -> tuple[IntArray, list[IntArray]]:
    """One answer for each group of twins: the most frequent of its rows' classes, the first of equally frequent ones.

    Args:
        labels: (n,) of the rows.
        group: (n,) the first row of each row's group.

    Returns:
        (n,) the answers at the first rows, OPEN elsewhere; a group is SKIPPED where nobody answered and somebody
        skipped. And the labelled rows of each group whose answers differ.
    """
    found, differing = np.full(len(labels), OPEN), []
    skipped = labels == SKIPPED
    found[group[skipped]] = SKIPPED
    answered = np.flatnonzero(labels >= 0)
    order = answered[np.argsort(group[answered], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows):
            classes = labels[rows].tolist()
            found[group[rows[0]]] = Counter(classes).most_common(1)[0][0]
            if len(set(classes)) > 1:
                differing.append(rows)
    return found, differing
