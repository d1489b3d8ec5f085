"""Regret to the best in hindsight, without the winner's curse."""

import numpy as np

from nofreelunch.base.arrays import Float64Array


def cross_fitted(values: Float64Array) -> Float64Array:
    """How far each option lies below the one that is best, when the best is chosen by other seeds than it is valued on.

    The best of several noisy means is best partly by luck, so that the distance to it is too large: of equal options
    all have regret. Here each seed in turn values the option that is best on the mean of the other seeds (leave-one-out
    cross-validation, Stone 1974); a regret may so come out below 0.

    Args:
        values: (options, seeds) float64, higher is better.

    Returns:
        (options,) float64; NaN for a single seed.
    """
    options, seeds = values.shape
    if seeds < 2:
        return np.full(options, np.nan)
    others = (values.sum(axis=1, keepdims=True) - values) / (seeds - 1)
    best = values[others.argmax(axis=0), np.arange(seeds)]
    return np.asarray((best - values).mean(axis=1))
