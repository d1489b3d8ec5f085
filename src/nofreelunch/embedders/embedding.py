"""The frozen features of a task, and how they are written."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nofreelunch.base import storage
from nofreelunch.base.arrays import FloatArray
from nofreelunch.base.errors import UserError
from nofreelunch.embedders.pair_formats import blocks, complete

# What every card says; None where it means nothing for a kind of embedder.
KEYS = (
    "kind", "model", "source", "revision", "sha256", "dim", "pooling", "prompt", "suffix", "tokenizer",
    "attention", "max_tokens", "truncated_share", "dtype", "versions", "device", "texts", "unique_texts",
)  # fmt: skip
CARD: dict[str, Any] = dict.fromkeys(KEYS)


@dataclass(frozen=True)
class Embedding:
    """Vectors of both splits, made but not yet written.

    Attributes:
        rows: n of ``train`` and of ``test``; row i = row i of the split.
        parts: 2 where both texts of a pair have a vector of their own, else 1.
        dim: d of one vector.
        fill: puts the vectors into ``parts`` (n, d) arrays for each split.
        card: how they were made, with the keys of ``CARD``; the same on every machine that makes the same vectors.
        rate: texts per second as this machine made them; None where they were not computed.
    """

    rows: dict[str, int]
    parts: int
    dim: int
    fill: Callable[[Mapping[str, list[FloatArray]]], None]
    card: dict[str, Any]
    rate: float | None = None

    @classmethod
    def of(
        cls, vectors: Mapping[str, list[FloatArray]], card: dict[str, Any], rate: float | None = None
    ) -> "Embedding":
        """From the arrays of each split."""

        def fill(out: Mapping[str, list[FloatArray]]) -> None:
            for split, parts in vectors.items():
                for target, part in zip(out[split], parts, strict=True):
                    target[:] = part

        first = vectors["train"][0]
        rows = {split: len(parts[0]) for split, parts in vectors.items()}
        return cls(rows, len(vectors["train"]), first.shape[1], fill, CARD | {"dim": first.shape[1]} | card, rate)

    def arrays(self) -> dict[str, FloatArray]:
        """(n, d) vectors of each split in memory; for single texts."""
        out = {split: np.empty((n, self.dim), np.float32) for split, n in self.rows.items()}
        self.fill({split: [array] for split, array in out.items()})
        return out

    def write(self, paths: Mapping[str, Path]) -> None:
        """Write a .npy for each split through a memory map, so that it need not fit into memory.

        Raises:
            UserError: a row is not finite, or the disk is full.
        """
        width = self.dim * (4 if self.parts == 2 else 1)
        with ExitStack() as stack:
            out = {s: stack.enter_context(storage.new_npy(paths[s], (n, width))) for s, n in self.rows.items()}
            places = [slice(i * self.dim, (i + 1) * self.dim) for i in range(self.parts)]
            self.fill({split: [array[:, place] for place in places] for split, array in out.items()})
            for split, array in out.items():
                if self.parts == 2:
                    complete(array)
                _check_finite(array, split)


def _check_finite(vectors: FloatArray, split: str) -> None:
    finite = [np.isfinite(vectors[rows]).all(axis=1) for rows in blocks(len(vectors))]
    found = np.flatnonzero(~np.concatenate(finite))
    if len(found):
        raise UserError(
            f"row {found[0]} of the {split} split has no finite vector ({len(found)} such row(s)). Set "
            "'dtype: float32' for this embedder if it is float16, else remove the row."
        )
