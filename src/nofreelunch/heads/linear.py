"""A fitted linear head as strategies and the simulation see it, and the product that scores many heads at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.memory import scores_bytes
from nofreelunch.heads.head import CLOSED_FORM, Head, Training, spread_classes
from nofreelunch.space.device import DeviceRows
from nofreelunch.space.rows import Rows, slices, thin_product

# The widest product in which OpenBLAS sums every column in the same order (tried: its Haswell and SkylakeX kernels).
PANEL = 16
# For the scores of heads, where the environment says nothing.
SCORES_MIB, DEVICE_SCORES_MIB = 64, 512


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


def answering(head: Head, rows: Rows) -> Callable[[Any], Any]:
    """A function of features ((r, d)) to the most probable class of each ((r,) int64), both where the products of
    ``rows`` are computed."""
    if not isinstance(rows, DeviceRows) or not isinstance(head, LinearHead):
        return lambda features: rows.up(head.probabilities(rows.down(features)).argmax(axis=1))
    weights, intercepts, classes = (rows.up(part) for part in (head.coefficients.T, head.intercepts, head.classes))
    return lambda features: classes[(features @ weights + intercepts).argmax(dim=1)]


def score_all(heads: Sequence[Head], rows: Rows) -> Iterator[Any]:
    """The probabilities of all ``rows`` in portions of successive heads: (r, C, n) float32, there. On a device as many
    as `scores_bytes` allows, on the CPU each alone; those that are linear by one product or by `panel_products`."""
    if isinstance(rows, DeviceRows):
        for part in portions(heads, rows):
            yield _there(heads[part], rows)
        return
    width = scores_bytes(SCORES_MIB) // (4 * max(1, len(rows.features)))
    waiting: list[LinearHead] = []
    for head in heads:
        if not isinstance(head, LinearHead):
            yield head.probabilities(rows.features).T[None]
            continue
        if waiting and sum(len(other.classes) for other in waiting) + len(head.classes) > width:
            yield from _score_panel(waiting, rows)
            waiting = []
        waiting.append(head)
    if waiting:
        yield from _score_panel(waiting, rows)


def portions(heads: Sequence[Head], rows: Rows) -> Iterator[slice]:
    """Slices of ``heads`` that are asked together, of all their classes and ``rows``: on the CPU each alone."""
    size = 1
    if rows.several and heads:
        size = max(1, scores_bytes(DEVICE_SCORES_MIB) // (4 * heads[0].class_count * max(1, len(rows.squared_norms))))
    return slices(len(heads), size)


def _there(heads: Sequence[Head], rows: DeviceRows) -> Any:
    """(r, C, n) probabilities of ``heads``, by one product for those that are linear."""
    count, kinds, n = len(heads), heads[0].class_count, len(rows.squared_norms)
    linear = [(number, head) for number, head in enumerate(heads) if isinstance(head, LinearHead)]
    if linear:
        products = rows.empty(sum(len(head.classes) for _, head in linear), n)
        rows.scores(np.concatenate([head.coefficients for _, head in linear]), products)
        products += rows.up(np.concatenate([head.intercepts for _, head in linear]))[:, None]
        if len(products) == count * kinds:
            made = products.reshape(count, kinds, n)
        else:
            made = rows.empty(count, kinds, n)
            places = rows.up(np.concatenate([number * kinds + head.classes for number, head in linear]))
            made.fill_(-np.inf).view(-1, n).index_copy_(0, places, products)
        _softmax(made, rows.xp)
    else:
        made = rows.empty(count, kinds, n)
    for number, head in enumerate(heads):
        if not isinstance(head, LinearHead):
            made[number] = rows.up(head.probabilities(rows.features)).T
    return made


def _score_panel(heads: Sequence[LinearHead], rows: Rows) -> Iterator[FloatArray]:
    for head, products in zip(heads, panel_products(heads, rows), strict=True):
        products += head.intercepts[:, None]
        _softmax(products, np)
        yield spread_classes(products, head.classes, head.class_count).T[None]


def _softmax(scores: Any, xp: Any) -> None:
    """Put in the place of ``scores`` ((…, K, n), an array of ``xp``) the probabilities of each column."""
    scores -= xp.amax(scores, axis=-2, keepdims=True)
    xp.exp(scores, out=scores)
    scores /= scores.sum(axis=-2, keepdims=True)


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
