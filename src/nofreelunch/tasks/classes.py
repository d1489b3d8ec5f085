"""From labels as they were read to classes: one spelling for each, in an order that nothing else can change."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nofreelunch.base.errors import UserError

LabelCase = Literal["merge", "keep"]

WHOLE, FRACTION = re.compile(r"[-+]?\d+\.0*"), re.compile(r"[-+]?\d*\.0*[1-9]\d*")
# Marks that cannot be seen; the joiners that emoji and Persian are written with are none of them.
INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"))
MANY, SHOWN = 20, 12


@dataclass(frozen=True)
class Spellings:
    """Labels of some splits in one spelling for each class.

    Attributes:
        parts: the class of each row, split by split.
        merged: for each class that was spelled in more than one way, how many rows have each spelling.
        alike: pairs of classes that are the same number in two spellings, as 1 and 01; they are kept apart.
    """

    parts: list[list[str]]
    merged: dict[str, dict[str, int]]
    alike: list[list[str]]

    @property
    def merged_rows(self) -> int:
        """Rows whose label was spelled otherwise than most of its class."""
        return sum(sum(ways.values()) - max(ways.values()) for ways in self.merged.values())


def tidy(text: str) -> str:
    """``text`` composed (NFC), without marks that cannot be seen, with single blanks and none at its ends."""
    return " ".join(unicodedata.normalize("NFC", text).translate(INVISIBLE).split())


def spell(parts: Sequence[Sequence[Any]], case: LabelCase | None, where: str) -> Spellings:
    """One spelling for each class: blanks, composition and numbers (1, 1.0 and "1") never tell classes apart.

    Args:
        parts: labels of each split: numbers or strings.
        case: what to do with classes that differ in upper and lower case alone; None refuses them.
        where: for messages.

    Raises:
        UserError: a label is no class, or classes differ in case and nobody said what that means.
    """
    texts = [[_text(label, where) for label in part] for part in parts]
    distinct = {text for part in texts for text in part}
    numbered = not any(FRACTION.fullmatch(text.strip()) for text in distinct)
    key_of = {text: _key(text, numbered=numbered) for text in distinct}
    ways: dict[str, Counter[str]] = {}
    for text, count in Counter(text for part in texts for text in part).items():
        ways.setdefault(key_of[text], Counter())[text] += count
    name_of = _one_case({key: found.total() for key, found in ways.items()}, case, where)
    merged: dict[str, Counter[str]] = {}
    for key, found in ways.items():
        merged.setdefault(name_of[key], Counter()).update(found)
    return Spellings(
        [[name_of[key_of[text]] for text in part] for part in texts],
        {name: dict(sorted(merged[name].items())) for name in sorted(merged) if len(merged[name]) > 1},
        _same_numbers(merged),
    )


def _text(label: Any, where: str) -> str:
    if isinstance(label, float):
        if not label.is_integer():
            raise UserError(f"{where}: the label {label} is no class. Choose a column of whole numbers or names.")
        return str(int(label))
    if isinstance(label, str | bool | int | np.integer):
        return str(label)
    hint = "Lists are not read: give one label a row." if isinstance(label, list) else ""
    raise UserError(f"{where}: the label {label!r} is no class. {hint or 'Choose a column of whole numbers or names.'}")


def _key(text: str, *, numbered: bool) -> str:
    text = tidy(text)
    return text.partition(".")[0] if numbered and WHOLE.fullmatch(text) else text


def _one_case(counts: Mapping[str, int], case: LabelCase | None, where: str) -> dict[str, str]:
    """The name of each key: itself, or the most frequent of those that differ from it in case alone."""
    groups: dict[str, list[str]] = {}
    for key in sorted(counts):
        groups.setdefault(key.lower(), []).append(key)
    alike = [keys for keys in groups.values() if len(keys) > 1]
    if alike and case is None:
        said = "; ".join(" and ".join(f"{key!r} ({counts[key]} rows)" for key in keys) for keys in alike[:SHOWN])
        raise UserError(
            f"{where}: labels differ in upper and lower case alone: {said}. Set 'label_case: merge' if they mean the "
            "same, or 'label_case: keep' if they are different classes."
        )
    if case != "merge":
        return {key: key for key in counts}
    return {key: max(keys, key=lambda name: counts[name]) for keys in groups.values() for key in keys}


def _same_numbers(keys: Mapping[str, Any]) -> list[list[str]]:
    groups: dict[int, list[str]] = {}
    for key in sorted(keys):
        if re.fullmatch(r"[-+]?\d+", key):
            groups.setdefault(int(key), []).append(key)
    return [group for group in groups.values() if len(group) > 1]


def in_order(keys: set[str]) -> list[str]:
    """Numbers by their value, names by their characters; spellings of one number by their characters."""
    try:
        return sorted(keys, key=lambda key: (int(key), key))
    except ValueError:
        return sorted(keys)


def check_not_ids(pool: Sequence[str], test: Sequence[str] | None, where: str) -> None:
    """Refuse labels that tell rows apart rather than classes: most occur once, and not in the test rows.

    Raises:
        UserError: they do.
    """
    counts = Counter([*pool, *(test or [])])
    if len(counts) > MANY and len(counts) > counts.total() / 2 and not (test and set(test) <= set(pool)):
        raise UserError(
            f"{where}: {counts.total()} rows have {len(counts)} different labels. Is this the column of the class? "
            "Correct 'label', or set 'many_classes: true' if each is one."
        )


def check_shared(pool: Sequence[str], test: Sequence[str], where: str) -> None:
    """Refuse test rows none of whose labels occurs in the pool.

    Raises:
        UserError: there are none in common.
    """
    known, asked = set(pool), set(test)
    if known and asked and not known & asked:
        hidden = " (−1 often stands for a hidden label)" if asked == {"-1"} else ""
        raise UserError(
            f"{where}: no label of the test rows occurs in the pool. The pool has {_listed(known)}; the test rows have "
            f"{_listed(asked)}{hidden}. Write both in the same way, or choose other rows or another column."
        )


def check_names(names: Mapping[int, str], where: str) -> None:
    """Refuse a name that stands for two classes.

    Raises:
        UserError: there is one.
    """
    for name, count in Counter(names.values()).items():
        if count > 1:
            twice = ", ".join(str(number) for number in sorted(names) if names[number] == name)
            raise UserError(f"{where}: the classes {twice} are all called {name!r}. Give each a name of its own.")


def _listed(names: set[str]) -> str:
    ordered = in_order(names)
    return ", ".join(map(repr, ordered[:SHOWN])) + (f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else "")
