"""What more labels would bring: the learning curve so far, as the audit's sample sees it, and its continuation.

The curve is a(n) = a∞ − b n^−c with b ≥ 0, a form that learning curves often have (Viering & Loog 2021, arXiv
2103.10948). A few dozen audited texts say how far it has risen, and hardly anything of its bend: c is therefore no
estimate, but any of EXPONENTS with equal right.
"""

from dataclasses import dataclass

import numpy as np

from nofreelunch.base.arrays import BoolArray, IntArray
from nofreelunch.evaluation.intervals import DRAWS, resamples

EXPONENTS = (0.25, 0.5, 0.75, 1.0)
# A batch moves the accuracy of a model by chance too, more so where it changes more classes: the standard deviation, as
# a share of the texts whose class has changed over the last labels. Measured: docs/label_evidence.md.
JITTER = 0.06
# Without so many points of the curve and audited texts nothing is said.
POINTS, ROWS = 3, 20
# No more points of the curve than so many are fitted.
MOST_POINTS = 6


@dataclass(frozen=True)
class Forecast:
    """What ``more`` labels would bring.

    Attributes:
        labels: so far.
        more: beyond them.
        gain: in accuracy on texts like those of the file.
        low, high: of the 95 % interval.
    """

    labels: int
    more: int
    gain: float
    low: float
    high: float

    def __str__(self) -> str:
        gain, low, high = (f"{100 * value:+.1f}".replace("-", "−") for value in (self.gain, self.low, self.high))
        return f"{self.more} more labels: {gain} points ({low} to {high})"


def points(batches: int) -> IntArray:
    """Which of so many batches end at a point of the curve: at most MOST_POINTS, evenly by ratio, the last one among
    them."""
    spread = np.geomspace(1, batches, min(batches, MOST_POINTS)).round().astype(np.int64)
    return np.unique(spread) - 1


def extrapolate(labels: IntArray, right: BoolArray, churn: float, more: int, rng: np.random.Generator) -> Forecast:
    """The continuation of a curve.

    Each draw of a bootstrap takes other audited rows and the next exponent, fits a∞ and b by least squares, and adds
    what chance does.

    Args:
        labels: (k,) of which k heads know, ascending, k ≥ 2.
        right: (k, m) which of the m audited rows they are right for, fitted without the row.
        churn: share of the file's texts whose class has changed over the last ``more`` labels.
        more: labels to look ahead.
        rng: draws.
    """
    rows = right.shape[1]
    heights = resamples(rows, DRAWS, rng) @ right.T.astype(np.float64) / rows
    exponents = -np.resize(EXPONENTS, DRAWS)
    shapes = labels.astype(np.float64) ** exponents[:, None]
    bent = shapes - shapes.mean(axis=1, keepdims=True)
    falls = np.maximum(-(heights * bent).sum(axis=1) / (bent**2).sum(axis=1), 0)
    now = int(labels[-1])
    gains = falls * (float(now) ** exponents - float(now + more) ** exponents)
    low, high = np.quantile(gains + JITTER * churn * rng.standard_normal(DRAWS), [0.025, 0.975])
    return Forecast(now, more, float(gains.mean()), float(low), float(high))
