"""How the two texts of a pair reach an embedder, and how their vectors become one row."""

from collections.abc import Iterable, Iterator

import numpy as np

from nofreelunch.base.arrays import FloatArray
from nofreelunch.tasks.table import Split

FIELDS = ("text 1", "text 2")
BLOCK = 1_024


def columns(split: Split, pair_format: str, separator: str = "\n", fields: tuple[str, str] = FIELDS) -> list[list[str]]:
    """The texts to embed: one column of n, or two for ``concat``. A split of single texts is its own column.

    Args:
        split: n rows.
        pair_format: ``joined`` (both texts with ``separator`` between spaces), ``labelled`` (each text after its
            field's name) or ``concat`` (both alone).
        separator: between the texts of ``joined``.
        fields: the names of the two texts in ``labelled``.
    """
    if split.text_pair is None:
        return [split.text]
    rows = list(zip(split.text, split.text_pair, strict=True))
    if pair_format == "joined":
        return [[f"{first} {separator} {second}" for first, second in rows]]
    if pair_format == "labelled":
        return [[f"{fields[0]}: {first}\n{fields[1]}: {second}" for first, second in rows]]
    if pair_format == "concat":
        return [split.text, split.text_pair]
    raise ValueError(f"unknown pair format '{pair_format}'")


def distinct(parts: Iterable[list[list[str]]]) -> list[str]:
    """The texts of the `columns` of all splits, each once, in the order of their first appearance."""
    return list(dict.fromkeys(text for part in parts for column in part for text in column))


def complete(features: FloatArray) -> None:
    """Fill in the second half of the (n, 4·d) features [u, v, |u−v|, u⊙v] of pairs; the first half holds u and v."""
    dim = features.shape[1] // 4
    for rows in blocks(len(features)):
        u, v = features[rows, :dim], features[rows, dim : 2 * dim]
        np.abs(u - v, out=features[rows, 2 * dim : 3 * dim])
        np.multiply(u, v, out=features[rows, 3 * dim :])


def blocks(rows: int) -> Iterator[slice]:
    """Slices of so few rows that a block of an array that is read from disk fits into memory."""
    return (slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK))
