"""ALFA-Mix (Parvaneh et al. 2022): rows whose prediction flips when their features are mixed with class anchors.

The closed form (the paper's equation 5) mixes feature by feature, z + α ⊙ (z* − z), with
α = ε ‖z* − z‖ / ‖∇‖ · ∇ ⊘ (z* − z), ∇ the gradient of the loss of the predicted class. The difference cancels: the mix
is z + ε ‖z* − z‖ ∇/‖∇‖, a step up the gradient, the longer the farther the anchor. Scores of a linear head change
linearly along it and the loss of the predicted class, convex, only grows: a row that an anchor flips, every farther
anchor flips. So the farthest one decides, and for W the head's coefficients and r = p − onehot(ŷ) the scores change
by r WWᵀ times the length of the step over ‖r W‖.
"""

from typing import Any, Literal

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.options import Positive
from nofreelunch.heads.linear import LinearHead
from nofreelunch.selection.batches import spread
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query
from nofreelunch.space.rows import Rows, groups


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
    rows = query.geometry.rows
    scores = rows.products(head.coefficients.T, query.candidates) + rows.up(head.intercepts)
    own = rows.up(np.arange(len(scores))), scores.argmax(axis=1)
    slopes = _slopes(scores, own, rows.up(head.coefficients @ head.coefficients.T), rows)
    gaps = scores - scores[own][:, None]
    farthest = _farthest_anchor(query, missing)
    root = np.sqrt(query.features.shape[1])

    step = epsilon
    flips = _flips(gaps, slopes, farthest * np.float32(step / root))
    while grow and step < 1 and flips.sum() <= size:
        step += epsilon
        flips = _flips(gaps, slopes, farthest * np.float32(step / root))
    return spread(query, query.candidates[rows.down(flips)], size)


def _slopes(scores: Any, own: tuple[Any, Any], square: Any, rows: Rows) -> Any:
    """(m, K) by how much each score changes relative to the predicted class's, per unit of length up the gradient.

    Args:
        scores: (m, K), where the products of ``rows`` are computed, as all of this.
        own: where among them those of the predicted classes are.
        square: (K, K) products of the coefficients.
        rows: the pool.
    """
    xp = rows.xp
    residuals = xp.exp(scores - xp.amax(scores, axis=1, keepdims=True))
    residuals /= residuals.sum(axis=1, keepdims=True)
    residuals[own] -= 1
    slopes = residuals @ square
    lengths = xp.sqrt(rows.inner(residuals, slopes).clip(0))
    slopes /= xp.where(lengths > 0, lengths, 1)[:, None]
    return slopes - slopes[own][:, None]


def _farthest_anchor(query: Query, missing: str) -> Any:
    """(m,) the largest distance, there, from each candidate to the mean of a class's labelled rows."""
    rows = query.geometry.rows
    classes = groups(query.labels, query.head.class_count)
    anchors = [rows.take(query.labelled[members]).mean(axis=0) for members in classes if len(members)]
    if missing == "mean" and len(anchors) < query.head.class_count:
        anchors.append(rows.take(query.labelled).mean(axis=0))
    stacked = rows.xp.stack(anchors)
    squared = rows.inner(stacked, stacked) - 2 * rows.products(stacked.T, query.candidates)
    lengths = rows.norms[rows.up(query.candidates)]
    return rows.xp.sqrt((rows.xp.amax(squared, axis=1) + lengths).clip(0))


def _flips(gaps: Any, slopes: Any, steps: Any) -> Any:
    """(m,) whether a step of length ``steps`` ((m,)) lifts another score over the predicted class's."""
    return (gaps + slopes * steps[:, None] > 0).any(axis=1)


ENTRY = strategy(select, needs_linear_head=True)
