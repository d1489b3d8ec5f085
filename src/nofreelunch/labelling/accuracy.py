"""What a sample of a file that no strategy has chosen says of the model: accuracy, whole and by class, and whether the
model is worth anything at all.

Every function takes the sample's true classes and what a head said that was fitted without the row. The rows that a
strategy chose are no sample of the file and appear nowhere here.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from nofreelunch.base.arrays import BoolArray, IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.evaluation.audit import Estimate, accuracy

# Of a class, before anything is said of it: with fewer its interval spans more than half of all there is.
CLASS_ROWS = 10
# Of every class, before they are averaged.
BALANCED_ROWS = 5
_DRAWS = 4000


@dataclass(frozen=True)
class Gain:
    """The model's accuracy less that of one fixed answer, on the same rows.

    Attributes:
        value: difference of the two shares; NaN without rows.
        low, high: of the 95 % interval, within [−1, 1].
        p: two-sided, that neither is right more often; 1 without rows on which they differ.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Assessment:
    """What the sample says.

    Attributes:
        overall: the model's accuracy on the file.
        majority_class: the sample's most frequent class, the lower of equals; −1 without rows.
        majority: the accuracy of always answering that.
        gain: of the model over it.
        by_class: of the classes with CLASS_ROWS rows in the sample, the share of the class's texts that the model gets
            right.
        balanced: mean over all classes of that share; None unless each has BALANCED_ROWS.
        unheard: classes without a row in the sample, of which nothing is known.
    """

    overall: Estimate
    majority_class: int
    majority: Estimate
    gain: Gain
    by_class: dict[int, Estimate]
    balanced: Estimate | None
    unheard: tuple[int, ...]


def assess(truth: IntArray, predicted: IntArray, population: int, classes: int) -> Assessment:
    """All that the sample says.

    Args:
        truth: (m,) classes of the sample's rows, a simple random sample of the file.
        predicted: (m,) what a head fitted without the row made of it.
        population: texts in the file.
        classes: C.

    Raises:
        ValueError: the sample is larger than the file.
    """
    right = truth == predicted
    counts = np.bincount(truth, minlength=classes)
    common = int(counts.argmax()) if len(truth) else -1
    always = truth == common
    rows = len(truth)
    # A class's size in the file is what its share of the sample makes it.
    by_class = {
        int(name): accuracy(
            int(right[truth == name].sum()),
            int(counts[name]),
            max(int(counts[name]), round(population * counts[name] / rows)),
        )
        for name in np.flatnonzero(counts >= CLASS_ROWS)
    }
    return Assessment(
        accuracy(int(right.sum()), rows, population),
        common,
        accuracy(int(always.sum()), rows, population),
        paired_gain(right, always),
        by_class,
        balanced(truth, right, classes),
        tuple(int(name) for name in np.flatnonzero(counts == 0)),
    )


def paired_gain(right: BoolArray, other: BoolArray) -> Gain:
    """How much more often ``right`` holds than ``other``, row by row ((m,) each).

    The interval is Agresti and Min's (2005): Wald's after half a row is added to each cell of the table. p is
    McNemar's exact one with mid-p (Fagerland et al. 2013).
    """
    rows = len(right)
    if not rows:
        return Gain(np.nan, -1.0, 1.0, 1.0)
    won, lost = int((right & ~other).sum()), int((other & ~right).sum())
    more, fewer, total = won + 0.5, lost + 0.5, rows + 2
    middle = (more - fewer) / total
    half = scipy.stats.norm.ppf(0.975) * np.sqrt(more + fewer - (more - fewer) ** 2 / total) / total
    law = scipy.stats.binom(won + lost, 0.5)
    least = min(won, lost)
    p = min(1.0, float(2 * law.cdf(least) - law.pmf(least))) if won + lost else 1.0
    return Gain((won - lost) / rows, float(max(middle - half, -1)), float(min(middle + half, 1)), p)


def balanced(truth: IntArray, right: BoolArray, classes: int) -> Estimate | None:
    """The mean over classes of the share of their rows ((m,)) that are ``right``; None where a class has too few.

    The interval holds the middle 95 % of that mean when each class's share has its posterior under Jeffreys's prior.
    """
    counts = np.bincount(truth, minlength=classes)
    if not len(truth) or counts.min() < BALANCED_ROWS:
        return None
    hits = np.bincount(truth[right], minlength=classes)
    rng = generator("balanced accuracy", *map(int, hits), *map(int, counts))
    draws = rng.beta(hits + 0.5, counts - hits + 0.5, (_DRAWS, classes)).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float((hits / counts).mean()), float(low), float(high), len(truth))
