"""BADGE (Ash et al. 2020): k-means++ seeding on the gradient embeddings (onehot(ŷ) − p) ⊗ x.

The n × C·d matrix of gradients is never formed: ⟨g ⊗ x, g' ⊗ x'⟩ = ⟨g, g'⟩ · ⟨x, x'⟩, so squared distances to a new
centre take two matrix–vector products, and by Cauchy–Schwarz the short one, over C, shows for which rows the long one,
over d, cannot bring the new centre nearer than an old one.
"""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.together import Block, Jointly


def select_all(block: Block, *, first: Literal["largest", "random"] = "largest") -> list[IntArray]:
    """Batches that are uncertain and diverse: the explicit algorithm's picks, draw for draw.

    Args:
        block: the requests.
        first: ``largest`` starts from the longest gradient, as the authors' code does; ``random`` draws the first
            centre uniformly, as k-means++ is defined and the paper's algorithm 1 reads.
    """
    if not block.size:
        return block.taken([])
    rows, xp, norms = block.rows, block.rows.xp, block.rows.norms
    probabilities = xp.moveaxis(block.columns, 0, -1)
    gradients = -probabilities
    gradients[block.index(rows.up(np.arange(len(norms))), probabilities.argmax(axis=-1))] += 1
    lengths = rows.inner(gradients, gradients) * norms
    roots = xp.sqrt(norms)

    free = block.free()
    distances = xp.where(free, xp.inf, xp.zeros_like(lengths))
    if first == "largest":
        picked = block.order[block.index(block.of_candidates(lengths, -1.0).argmax(axis=-1))]
    else:
        picked = block.stacked([rows.up(query.rng.choice(query.candidates)) for query in block.queries])
    draw = rows.draws([query.rng for query in block.queries], [max(size - 1, 0) for size in block.sizes])
    none, picks = rows.up(np.float32(0)), []
    while True:
        picks.append(picked)
        at = block.index(picked)
        free[at] = False
        if len(picks) == block.size:
            return block.taken(picks)
        inner = rows.each(gradients, picked)
        apart = lengths + lengths[at][..., None]
        near = rows.where(lambda: apart - 2 * roots[picked][..., None] * abs(inner) * roots < distances)  # noqa: B023
        products = rows.dots(picked, near)
        update = xp.maximum(apart.reshape(-1)[near] - 2 * inner.reshape(-1)[near] * products, none)
        flat = distances.reshape(-1)
        flat[near] = xp.minimum(flat[near], update)
        distances[at] = 0
        picked = draw(distances, free)


select = Jointly(select_all)
ENTRY = strategy(select)
