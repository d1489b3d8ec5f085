"""Draws with given weights: of one run by NumPy, of many runs at once by torch."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nofreelunch.base.arrays import AnyFloatArray, Float64Array

if TYPE_CHECKING:
    import torch

Draw = Callable[[Any, Any], Any]
"""Of weights ((…, n), ≥ 0) and what is free ((…, n) bool; others have weight 0) to a free position, with probability
proportional to its weight; uniform where all weights are 0. Of one run it is a number, of R runs at once (R,) int64."""

PIECE = 256
# Weights as whole numbers, of which sums are the same in any order: of 2²² rows they still fit 63 bits.
LARGEST = 2.0**40


def weighted_draw(weights: AnyFloatArray, rng: np.random.Generator) -> int:
    """One index with probability proportional to ``weights`` ((n,), ≥ 0); uniform where all are 0."""
    starts = np.arange(0, len(weights), PIECE)
    upto = np.cumsum(np.add.reduceat(weights, starts, dtype=np.float64))
    if upto[-1] <= 0:
        return int(rng.integers(len(weights)))
    target = rng.random() * upto[-1]
    piece = _place(upto, target)
    first = starts[piece]
    inside = np.cumsum(weights[first : first + PIECE], dtype=np.float64)
    return int(first + _place(inside, target - (upto[piece - 1] if piece else 0)))


def _place(upto: Float64Array, target: float) -> int:
    """Which summand carries the running sums past ``target``; rounding apart, the last that is not 0."""
    return int(min(np.searchsorted(upto, target, side="right"), np.searchsorted(upto, upto[-1])))


def draws_of_one(rng: np.random.Generator) -> Draw:
    """Of one run, as they come."""

    def draw(weights: AnyFloatArray, free: Any) -> int:
        row = weighted_draw(weights, rng)
        return row if free[row] else int(rng.choice(np.flatnonzero(free)))

    return draw


def draws_there(rngs: Sequence[np.random.Generator], counts: Sequence[int], up: Callable[[Any], Any]) -> Draw:
    """Of runs that draw ``counts`` times, by torch: the same uniform numbers as on the CPU, which go ``up`` before.

    Only where all weights are 0 other rows than there are drawn, by the same law.
    """
    import torch

    uniform = np.zeros((max(counts, default=0), len(rngs), 1))
    for run, (rng, count) in enumerate(zip(rngs, counts, strict=True)):
        uniform[:count, run, 0] = rng.random(count)
    waiting = iter(up(uniform))

    def draw(weights: "torch.Tensor", free: "torch.Tensor") -> "torch.Tensor":
        largest = weights.amax(dim=1, keepdim=True)
        whole = torch.where(largest > 0, weights.double() / largest * LARGEST, free.double()).long()
        upto = whole.cumsum(dim=1)
        target = (next(waiting) * upto[:, -1:]).long()
        return torch.searchsorted(upto, target, right=True)[:, 0].clamp(max=weights.shape[1] - 1)

    return draw
