"""DropQuery (Gupte et al. 2024): rows whose prediction dropout of their features changes, spread by k-means."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import Count, Share
from nofreelunch.heads.linear import answering
from nofreelunch.selection.batches import spread
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query


def select(query: Query, *, passes: Count = 3, dropout: Share = 0.75, per_pick: Count = 1) -> IntArray:
    """Of the rows whose prediction changes in more than half of the passes, those nearest to b k-means centres.

    Args:
        query: the request.
        passes: how many times features are dropped (the paper's M).
        dropout: the share of features set to 0; the others grow by 1/(1 − dropout).
        per_pick: the rows wanted for each pick. While there are fewer, "more than half" is lowered, to at least once
            in the end. 25 in the group's code; the paper lowers nothing, so by default only a batch that could not be
            filled does it. If there still are too few, random candidates follow.
    """
    size = min(query.batch_size, len(query.candidates))
    changes = _changes(query, passes, dropout)
    limit = passes // 2
    while limit > 0 and (changes > limit).sum() < per_pick * size:
        limit -= 1
    return spread(query, query.candidates[changes > limit], size)


def _changes(query: Query, passes: int, dropout: float) -> IntArray:
    """(m,) in how many passes the prediction of each candidate changes."""
    pool = query.geometry.rows
    order = pool.up(query.candidates)
    changes, answers = pool.xp.zeros_like(order), answering(query.head, pool)
    predicted = pool.up(query.scored).argmax(axis=1)[order]
    for part in pool.portions(len(changes)):
        features = pool.take(order[part]) / np.float32(1 - dropout)
        dropped = pool.empty(*features.shape)
        for _ in range(passes):
            kept = pool.coins(features.shape, 1 - dropout, query.rng)
            changes[part] += answers(pool.xp.multiply(features, kept, out=dropped)) != predicted[part]
    return pool.down(changes)


ENTRY = strategy(select)
