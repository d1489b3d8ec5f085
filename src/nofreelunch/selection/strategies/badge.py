"""BADGE (Ash et al. 2020): k-means++ seeding on the gradient embeddings (onehot(ŷ) − p) ⊗ x.

The n × C·d matrix of gradients is never formed: ⟨g ⊗ x, g' ⊗ x'⟩ = ⟨g, g'⟩ · ⟨x, x'⟩, so squared distances to a new
centre take two matrix–vector products, and by Cauchy–Schwarz the short one, over C, shows for which rows the long one,
over d, cannot bring the new centre nearer than an old one.
"""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query
from nofreelunch.space.geometry import weighted_draw


def select(query: Query, *, first: Literal["largest", "random"] = "largest") -> IntArray:
    """A batch that is uncertain and diverse: the explicit algorithm's picks, draw for draw.

    Args:
        query: the request.
        first: ``largest`` starts from the longest gradient, as the authors' code does; ``random`` draws the first
            centre uniformly, as k-means++ is defined and the paper's algorithm 1 reads.
    """
    rows = query.geometry.rows
    xp, norms = rows.xp, rows.up(query.geometry.squared_norms)
    probabilities = rows.up(query.probabilities)
    gradients = -probabilities
    gradients[rows.up(np.arange(len(gradients))), probabilities.argmax(axis=1)] += 1
    lengths = xp.einsum("ij,ij->i", gradients, gradients) * norms
    roots = xp.sqrt(norms)

    free = np.zeros(len(gradients), bool)
    free[query.candidates] = True
    distances = rows.up(np.where(free, np.float32(np.inf), np.float32(0)))
    picks = np.empty(min(query.batch_size, len(query.candidates)), np.int64)
    for i in range(len(picks)):
        if i > 0:
            row = weighted_draw(rows.down(distances), query.rng)
        elif first == "largest":
            row = int(query.candidates[rows.down(lengths)[query.candidates].argmax()])
        else:
            row = int(query.rng.choice(query.candidates))
        if not free[row]:
            row = int(query.rng.choice(np.flatnonzero(free)))
        picks[i] = row
        free[row] = False
        inner = gradients @ gradients[row]
        apart = lengths + lengths[row]
        near = rows.where(apart - 2 * roots[row] * abs(inner) * roots < distances)
        products = rows.dot(query.features[row], near)
        update = (apart[near] - 2 * inner[near] * products).clip(0)
        distances[near] = xp.minimum(distances[near], update)
        distances[row] = 0
    return picks


ENTRY = strategy(select)
