"""BADGE (Ash et al. 2020): k-means++ seeding on the gradient embeddings (onehot(ŷ) − p) ⊗ x.

The n × C·d matrix of gradients is never formed: ⟨g ⊗ x, g' ⊗ x'⟩ = ⟨g, g'⟩ · ⟨x, x'⟩, so squared distances to a new
centre take two matrix–vector products.
"""

from typing import Literal

import numpy as np

from nofreelunch.geometry import draw
from nofreelunch.query import IntArray, Query


def select(query: Query, *, first: Literal["largest", "random"] = "largest") -> IntArray:
    """A batch that is uncertain and diverse.

    Args:
        query: the request.
        first: ``largest`` starts from the longest gradient, as the authors' code does; ``random`` draws the first
            centre uniformly, as k-means++ is defined and the paper's algorithm 1 reads.
    """
    features, norms = query.features, query.geometry.squared_norms
    p = query.probabilities
    gradients = -p
    gradients[np.arange(len(p)), p.argmax(axis=1)] += 1
    lengths = np.einsum("ij,ij->i", gradients, gradients) * norms

    distances = np.zeros(len(p), np.float32)
    distances[query.candidates] = np.inf
    free = np.zeros(len(p), bool)
    free[query.candidates] = True
    picks = np.empty(min(query.batch_size, len(query.candidates)), np.int64)
    for i in range(len(picks)):
        if i > 0:
            row = draw(distances, query.rng)
        elif first == "largest":
            row = int(np.argmax(np.where(free, lengths, -1)))
        else:
            row = int(query.rng.choice(query.candidates))
        if not free[row]:
            row = int(query.rng.choice(np.flatnonzero(free)))
        picks[i] = row
        free[row] = False
        inner = (gradients @ gradients[row]) * (features @ features[row])
        update = np.maximum(lengths + lengths[row] - 2 * inner, 0)
        np.minimum(distances, update, out=distances)
        distances[row] = 0
    return picks
