"""How the two texts of a pair reach an embedder, and how their vectors become one row (protocol, section 2)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nofreelunch.tasks.table import Split

FloatArray = npt.NDArray[np.float32]
FIELDS = ("text 1", "text 2")


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


def combine(vectors: Sequence[FloatArray]) -> FloatArray:
    """One (n, d) column as it is; two columns u, v as the (n, 4·d) features [u, v, |u−v|, u⊙v]."""
    if len(vectors) == 1:
        return np.ascontiguousarray(vectors[0], dtype=np.float32)
    u, v = vectors
    return np.concatenate([u, v, np.abs(u - v), u * v], axis=1, dtype=np.float32)
