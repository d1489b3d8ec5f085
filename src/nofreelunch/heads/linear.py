"""A fitted linear head as strategies and the simulation see it, and the product that scores many heads at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

PANEL = 64


@dataclass(frozen=True)
class LinearHead:
    """A linear softmax classifier on features as strategies see them.

    Attributes:
        class_count: C, the task's classes.
        classes: (K,) int64, those with a label, ascending; the others have probability 0.
        coefficients: (K, d) float32.
        intercepts: (K,) float32.
    """

    class_count: int
    classes: IntArray
    coefficients: FloatArray
    intercepts: FloatArray

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(n, C) float32 for ``features`` ((n, d)); columns are contiguous, rows are not."""
        return self.from_products(self.coefficients @ features.T)

    def from_products(self, products: FloatArray) -> FloatArray:
        """(n, C) float32 from ``products`` = coefficients @ features.T ((K, n), overwritten)."""
        products += self.intercepts[:, None]
        products -= products.max(axis=0)
        np.exp(products, out=products)
        products /= products.sum(axis=0)
        if len(self.classes) == self.class_count:
            return products.T
        full = np.zeros((self.class_count, products.shape[1]), np.float32)
        full[self.classes] = products
        return full.T


def panel_products(heads: Sequence[LinearHead], features: FloatArray) -> list[FloatArray]:
    """For each head its coefficients @ features.T ((K, n) float32), all by products of one fixed shape.

    BLAS chooses its kernels by shape, so a head scored beside others would differ in the last bit from the same head
    scored alone, and near ties would break differently. Every product here is (PANEL, d) × (d, n): a head's result
    depends on that head alone, whatever runs share the block.
    """
    stacked = np.concatenate([head.coefficients for head in heads])
    total = len(stacked)
    panels = -(-total // PANEL)
    padded = np.zeros((panels * PANEL, stacked.shape[1]), np.float32)
    padded[:total] = stacked
    products = np.empty((panels * PANEL, len(features)), np.float32)
    for first in range(0, len(padded), PANEL):
        np.matmul(padded[first : first + PANEL], features.T, out=products[first : first + PANEL])
    bounds = np.cumsum([0, *(len(head.classes) for head in heads)])
    return [products[low:high] for low, high in pairwise(bounds)]
