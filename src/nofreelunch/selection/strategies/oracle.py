"""Oracle: an upper reference that is told the true labels. It is no method: nothing like it can be run on new data.

Greedy over rounds, as BoSS (Huseljic et al. 2025): other strategies propose batches, from all candidates and from
random halves of them; the head is fitted with the true labels of each; the batch is kept whose head is right about most
of the pool. Test rows take no part.
"""

from dataclasses import replace

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.options import Count
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import OracleQuery
from nofreelunch.selection.strategies import badge, coreset, margin, random, typiclust

PROPOSERS = (random.select, margin.select, badge.select, typiclust.select, coreset.select)


def select(query: OracleQuery, *, proposals: Count = 20) -> IntArray:
    """The best of ``proposals`` batches, made by PROPOSERS in turn; ties go to the lower loss, then to the earlier.

    Args:
        query: the request, with the true labels.
        proposals: how many batches are tried; each costs one fit of the head and one scoring of the pool.
    """
    size = min(query.batch_size, len(query.candidates))
    batches = [_propose(query, number, size) for number in range(proposals)]
    return max(batches, key=lambda rows: _worth(query, rows))


def _propose(query: OracleQuery, number: int, size: int) -> IntArray:
    """The first batch of each proposer is from all candidates, the others from random halves."""
    count = len(query.candidates)
    if number >= len(PROPOSERS):
        kept = max(size, count // 2)
        chosen = np.sort(query.rng.choice(query.candidates, kept, replace=False))
        query = replace(query, candidates=chosen)
    return PROPOSERS[number % len(PROPOSERS)](query)


def _worth(query: OracleQuery, rows: IntArray) -> tuple[float, float]:
    """Accuracy and negative loss on the pool of a head that knows the true labels of ``rows`` too."""
    head = query.refit(np.concatenate([query.labelled, rows]), np.concatenate([query.labels, query.truth[rows]]))
    p = head.probabilities(query.features)
    return float((p.argmax(axis=1) == query.truth).mean()), -_loss(p, query.truth)


def _loss(probabilities: FloatArray, truth: IntArray) -> float:
    own = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(own, np.finfo(np.float32).eps), dtype=np.float64).mean())


ENTRY = strategy(select, uses_truth=True)
