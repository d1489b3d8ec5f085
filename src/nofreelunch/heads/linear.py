"""A fitted linear head as strategies and the simulation see it, and the product that scores many heads at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.memory import scores_bytes
from nofreelunch.heads.head import CLOSED_FORM, Head, Training, spread_classes
from nofreelunch.space.device import DeviceRows
from nofreelunch.space.rows import Rows, thin_product

# The widest product in which OpenBLAS sums every column in the same order (tried: its Haswell and SkylakeX kernels).
PANEL = 16


@dataclass(frozen=True)
class LinearHead:
    """A linear softmax classifier on features as strategies see them.

    Attributes:
        class_count: C, the task's classes.
        classes: (K,) int64, those with a label, ascending; the others have probability 0.
        coefficients: (K, d) float32.
        intercepts: (K,) float32.
        training: how it was fitted.
    """

    class_count: int
    classes: IntArray
    coefficients: FloatArray
    intercepts: FloatArray
    training: Training = CLOSED_FORM

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(n, C) float32 for ``features`` ((n, d)); columns are contiguous, rows are not."""
        products = np.empty((len(self.classes), len(features)), np.float32)
        thin_product(features, np.ascontiguousarray(self.coefficients.T), products.T)
        products += self.intercepts[:, None]
        _softmax(products, np)
        return spread_classes(products, self.classes, self.class_count)


def answers_there(head: Head, features: Any, rows: Rows) -> IntArray:
    """(r,) the most probable class of each of ``features`` ((r, d), where the products of ``rows`` are computed)."""
    if isinstance(rows, DeviceRows) and isinstance(head, LinearHead):
        scores = features @ rows.up(head.coefficients).T + rows.up(head.intercepts)
        return head.classes[rows.down(scores.argmax(dim=1))]
    answers: IntArray = head.probabilities(rows.down(features)).argmax(axis=1)
    return answers


def score_all(heads: Sequence[Head], rows: Rows) -> Iterator[FloatArray]:
    """For each head its probabilities ((n, C) float32) of all ``rows``; linear ones by `panel_products`, as many at
    once as `scores_bytes` allows."""
    width = scores_bytes() // (4 * max(1, len(rows.features)))
    waiting: list[LinearHead] = []
    for head in heads:
        if not isinstance(head, LinearHead):
            yield head.probabilities(rows.features)
            continue
        if waiting and sum(len(other.classes) for other in waiting) + len(head.classes) > width:
            yield from _score_panel(waiting, rows)
            waiting = []
        waiting.append(head)
    if waiting:
        yield from _score_panel(waiting, rows)


def _score_panel(heads: Sequence[LinearHead], rows: Rows) -> Iterator[FloatArray]:
    for head, products in zip(heads, panel_products(heads, rows), strict=True):
        products += rows.up(head.intercepts)[:, None]
        _softmax(products, rows.xp)
        yield spread_classes(rows.down(products), head.classes, head.class_count)


def _softmax(scores: Any, xp: Any) -> None:
    """Put in the place of ``scores`` ((K, n), an array of ``xp``) the probabilities of each column."""
    scores -= xp.amax(scores, axis=0)
    xp.exp(scores, out=scores)
    scores /= scores.sum(axis=0)


def panel_products(heads: Sequence[LinearHead], rows: Rows) -> list[Any]:
    """For each head its coefficients @ features.T ((K, n) float32) of all ``rows``, where they are, by products of one
    shape.

    BLAS chooses its kernels by shape, so a head scored beside others would differ in the last bit from the same head
    scored alone, and near ties would break differently. Every product here is (n, d) × (d, PANEL): a head's result
    depends on that head alone, whatever runs share the block.
    """
    stacked = np.concatenate([head.coefficients for head in heads])
    total = len(stacked)
    panels = -(-total // PANEL)
    padded = np.zeros((panels * PANEL, stacked.shape[1]), np.float32)
    padded[:total] = stacked
    products = rows.empty(panels * PANEL, len(rows.features))
    for first in range(0, len(padded), PANEL):
        rows.scores(padded[first : first + PANEL], products[first : first + PANEL])
    bounds = np.cumsum([0, *(len(head.classes) for head in heads)])
    return [products[low:high] for low, high in pairwise(bounds)]
