"""FALCUN (Gilhuber et al. 2024): a draw by uncertainty plus distance to the picks in the space of probabilities."""

from typing import Literal

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.options import NotNegative
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.together import Block, Jointly, two_highest


def select_all(
    block: Block, *, gamma: NotNegative = 10.0, relevance: Literal["sum", "distance"] = "sum"
) -> list[IntArray]:
    """One candidate after the other with probability ∝ relevance^γ.

    Uncertainty is u = 1 − (p₁ − p₂). The distance starts at u and falls to the smallest L1 distance to a pick.

    Args:
        block: the requests.
        gamma: 0 draws uniformly, a large one takes the most relevant (10 in the authors' configuration).
        relevance: ``sum``: u plus the distance scaled to 0..1 over the open candidates, as in the paper and the
            authors' configuration; ``distance``: the distance alone, the default of the authors' class.
    """
    rows, xp = block.rows, block.rows.xp
    p = rows.gathered(block.columns, block.order)
    first, second = two_highest(p, xp)
    uncertainty = 1 - (first - second)
    distances = uncertainty + 0
    free = block.of_candidates(block.free(), False)
    # Infinity for those that are taken: sums are faster than choosing.
    closed = xp.where(free, xp.zeros_like(distances), xp.inf)
    draw = rows.draws([query.rng for query in block.queries], block.sizes)
    least, picks = rows.up(np.float32(1e-12)), []
    for _ in range(block.size):
        relevant = distances
        if relevance == "sum":
            low = xp.amin(distances + closed, axis=-1, keepdims=True)
            high = xp.amax(distances - closed, axis=-1, keepdims=True)
            relevant = uncertainty + (distances - low) / xp.maximum(high - low, least)
        largest = xp.asarray(xp.amax(relevant - closed, axis=-1, keepdims=True), dtype=xp.float64)
        # Up to a factor that keeps it in range.
        weights = (relevant * free / xp.where(largest > 0, largest, xp.inf)) ** gamma
        picked = draw(weights if gamma else weights * (free & (largest > 0)), free)
        at = block.index(picked)
        picks.append(block.order[at])
        free[at], closed[at] = False, xp.inf
        xp.minimum(distances, abs(p - p[:, *at][..., None]).sum(axis=0), out=distances)
    return block.taken(picks)


select = Jointly(select_all)
ENTRY = strategy(select)
