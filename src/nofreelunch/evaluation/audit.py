"""An honest accuracy without a test set: from a uniform random sample of the file, never from rows that were chosen.

The sample's rows are a fixed random subset of all texts that no query strategy may touch, labelled in random order, so
that those labelled so far are at any time a simple random sample without replacement. Each is predicted by a head that
was fitted without it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy


@dataclass(frozen=True)
class Estimate:
    """A share of correct predictions.

    Attributes:
        value: correct / n; NaN where n = 0.
        low, high: of the 95 % interval.
        n: rows that it rests on.
    """

    value: float
    low: float
    high: float
    n: int


def accuracy(correct: int, n: int, population: int, level: float = 0.95) -> Estimate:
    """The accuracy on ``population`` rows of which ``n``, drawn without replacement, were looked at.

    The interval holds every number of correct rows in the population under which a sample at least as extreme, one
    exactly as extreme counted half (mid-p, Lancaster 1961), is not rarer than (1 − level) / 2 on either side, by the
    hypergeometric law: rows that were looked at leave no doubt. Without the half its coverage is 97 to 99 %.

    Raises:
        ValueError: the numbers contradict each other.
    """
    if not 0 <= correct <= n <= population:
        raise ValueError(f"{correct} correct of {n} of {population}")
    if n == 0:
        return Estimate(np.nan, 0.0, 1.0, 0)
    tail = (1 - level) / 2
    wrong = n - correct
    lowest = _smallest(correct, population - wrong, lambda right: _above(correct, population, right, n) > tail)
    # By symmetry: the fewest wrong rows that are likely enough.
    fewest = _smallest(wrong, population - correct, lambda other: _above(wrong, population, other, n) > tail)
    return Estimate(correct / n, lowest / population, 1 - fewest / population, n)


def _above(seen: int, population: int, marked: int, n: int) -> float:
    """The mid-p probability that ``n`` draws hold at least ``seen`` of the ``marked``."""
    law = scipy.stats.hypergeom
    return float(law.sf(seen, population, marked, n) + law.pmf(seen, population, marked, n) / 2)


def _smallest(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest whole number from ``low`` to ``high`` for which ``holds``, which is monotone; ``high`` for none."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
