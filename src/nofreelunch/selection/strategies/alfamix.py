"""ALFA-Mix (Parvaneh et al. 2022): rows whose prediction flips when their features are mixed with class anchors.

The closed form (the paper's equation 5) mixes feature by feature, z + α ⊙ (z* − z), with
α = ε ‖z* − z‖ / ‖∇‖ · ∇ ⊘ (z* − z), ∇ the gradient of the loss of the predicted class. The difference cancels: the mix
is z + ε ‖z* − z‖ ∇/‖∇‖, a step up the gradient, the longer the farther the anchor. Scores of a linear head change
linearly along it and the loss of the predicted class, convex, only grows: a row that an anchor flips, every farther
anchor flips. So the farthest one decides, and for W the head's coefficients and r = p − onehot(ŷ) the scores change
by r WWᵀ times the length of the step over ‖r W‖.
"""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import BoolArray, FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.options import Positive
from nofreelunch.heads.linear import LinearHead
from nofreelunch.selection.batches import spread
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query
from nofreelunch.space.rows import squared_norms


def select(
    query: Query,
    *,
    epsilon: Positive = 0.2,
    grow: bool = False,
    missing: Literal["skip", "mean"] = "skip",
) -> IntArray:
    """Of the rows that flip, those nearest to b k-means centres; random others where there are too few.

    Args:
        query: the request.
        epsilon: the step is ε/√d of the distance to the anchor (0.2 in the paper and the group's code).
        grow: while no more than b rows flip, go on with 2ε, 3ε … up to 1, as the authors' code does; the paper and the
            group's code have one ε.
        missing: the anchor of a class without a label: none (paper, group) or the mean of all labelled rows (authors'
            code).

    Raises:
        UserError: the head is not linear.
    """
    size = min(query.batch_size, len(query.candidates))
    head = query.head
    if not isinstance(head, LinearHead):
        raise UserError("alfamix needs a linear head: its closed form mixes along the gradient of linear scores.")
    scores = query.geometry.rows.products(head.coefficients.T, query.candidates) + head.intercepts
    predicted = scores.argmax(axis=1)
    slopes = _slopes(scores, predicted, head.coefficients)
    gaps = scores - scores[np.arange(len(scores)), predicted][:, None]
    farthest = _farthest_anchor(query, missing)
    root = np.sqrt(query.features.shape[1])

    step = epsilon
    flips = _flips(gaps, slopes, farthest * np.float32(step / root))
    while grow and step < 1 and flips.sum() <= size:
        step += epsilon
        flips = _flips(gaps, slopes, farthest * np.float32(step / root))
    return spread(query, query.candidates[flips], size)


def _slopes(scores: FloatArray, predicted: IntArray, coefficients: FloatArray) -> FloatArray:
    """(m, K) by how much each score changes relative to the predicted class's, per unit of length up the gradient."""
    residuals = np.exp(scores - scores.max(axis=1, keepdims=True))
    residuals /= residuals.sum(axis=1, keepdims=True)
    rows = np.arange(len(scores))
    residuals[rows, predicted] -= 1
    slopes: FloatArray = residuals @ (coefficients @ coefficients.T)
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", residuals, slopes), 0))
    slopes /= np.where(lengths > 0, lengths, 1)[:, None]
    return slopes - slopes[rows, predicted][:, None]


def _farthest_anchor(query: Query, missing: str) -> FloatArray:
    """(m,) the largest distance from each candidate to the mean of a class's labelled rows."""
    labelled = query.features[query.labelled]
    anchors = [labelled[query.labels == label].mean(axis=0) for label in np.unique(query.labels)]
    if missing == "mean" and len(anchors) < query.head.class_count:
        anchors.append(labelled.mean(axis=0))
    stacked = np.stack(anchors)
    squared = squared_norms(stacked) - 2 * query.geometry.rows.products(stacked.T, query.candidates)
    lengths = query.geometry.squared_norms[query.candidates]
    farthest: FloatArray = np.sqrt(np.maximum(squared.max(axis=1) + lengths, 0))
    return farthest


def _flips(gaps: FloatArray, slopes: FloatArray, steps: FloatArray) -> BoolArray:
    """(m,) whether a step of length ``steps`` ((m,)) lifts another score over the predicted class's."""
    flips: BoolArray = np.any(gaps + slopes * steps[:, None] > 0, axis=1)
    return flips


ENTRY = strategy(select, needs_linear_head=True)
