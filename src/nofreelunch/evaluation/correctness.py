"""Which test rows each head got right, and a split of the test rows that keeps quality and outcome apart.

A measure of embedding quality and an outcome that rest on the same test rows share their luck: an embedder that happens
to be good on them looks better on both sides, and equal embedders correlate. So quality is measured on one half of the
test rows, and what it is to foretell on the other.
"""

from dataclasses import dataclass

import numpy as np

from nofreelunch.base import layout, storage
from nofreelunch.base.arrays import Bits, BoolArray, Float64Array
from nofreelunch.base.errors import UserError
from nofreelunch.base.randomness import generator


@dataclass(frozen=True)
class Correct:
    """What `layout.correct` holds of a cell.

    Attributes:
        runs: (rows of the cell's runs, ⌈m / 8⌉) uint8, packed bits.
        probe, chance: (⌈m / 8⌉,) uint8, of the full-pool probe and of the pool's most frequent class.
        rows: m, the number of test rows.
    """

    runs: Bits
    probe: Bits
    chance: Bits
    rows: int


def read_correct(dataset: str, embedder: str) -> Correct:
    """The test rows that the heads of a cell got right.

    Raises:
        UserError: the file is missing, or does not fit the probe's.
    """
    path = layout.correct(dataset, embedder)
    bits, rows = storage.read_npy(path), storage.read_json(layout.probe(dataset, embedder)).get("test_rows", 0)
    if bits.ndim != 2 or bits.dtype != np.uint8 or len(bits) < 2 or bits.shape[1] != -(-rows // 8) or not rows:
        raise UserError(
            f"{path} does not hold the bits of {rows} test rows. Run 'dvc repro -f active_learn@{dataset}-{embedder}'."
        )
    return Correct(bits[:-2], bits[-2], bits[-1], rows)


def halves(dataset: str, rows: int) -> tuple[BoolArray, BoolArray]:
    """The test rows (masks over ``rows``) on which quality is measured, and those on which outcomes are.

    One draw per dataset, the same for all its embedders; of a single row both sides get it.
    """
    order = generator("test rows", dataset).permutation(rows)
    first = np.zeros(rows, bool)
    first[order[: (rows + 1) // 2]] = True
    return first, ~first if rows > 1 else first


def share(bits: Bits, chosen: BoolArray) -> Float64Array:
    """The share of the ``chosen`` ((m,) mask) test rows that is right in each of (..., ⌈m / 8⌉) packed ``bits``."""
    counts = np.bitwise_count(bits & np.packbits(chosen)).sum(axis=-1, dtype=np.int64)
    return np.asarray(counts / chosen.sum())


def unpack(bits: Bits, rows: int) -> BoolArray:
    """(..., m) bool of (..., ⌈m / 8⌉) packed bits."""
    return np.unpackbits(bits, axis=-1, count=rows).view(np.bool_)


def lift_error(correct: Correct) -> float:
    """Standard error, over the test rows, of how far the probe's accuracy lies above chance; paired by row."""
    probe, chance = (unpack(side, correct.rows).astype(np.float64) for side in (correct.probe, correct.chance))
    return float((probe - chance).std() / np.sqrt(correct.rows))
