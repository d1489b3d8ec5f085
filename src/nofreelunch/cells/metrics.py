"""How well a head predicts test rows: the metrics of one round."""

import numpy as np

from nofreelunch.base.arrays import AnyArray, Bits, Float64Array, FloatArray, IntArray

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece")
CALIBRATION_BINS = 15
LEAST = float(np.finfo(np.float32).eps)


def score(probabilities: FloatArray, labels: IntArray) -> Float64Array:
    """The values of METRICS, in order, for ``probabilities`` ((m, C)) of test rows with ``labels`` ((m,)).

    * balanced accuracy: mean recall over the classes that occur among ``labels``;
    * macro F1: mean over the classes that occur among labels or predictions, as scikit-learn's default;
    * nll: mean −log p of the true class, p clipped at float32's epsilon (a class not yet seen has p = 0);
    * ece: expected calibration error (Guo et al. 2017), CALIBRATION_BINS equal-width bins of the top probability.
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    rows = np.arange(len(labels))
    own = np.maximum(probabilities[rows, labels], LEAST)
    top = probabilities[rows, predicted]
    bins = np.minimum((top * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gap = np.bincount(bins, weights=(predicted == labels) - top.astype(np.float64), minlength=CALIBRATION_BINS)
    loss = -np.log(own.astype(np.float64)).mean()
    return values_of(np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0), loss, gap)


def values_of(hits: AnyArray, actual: AnyArray, called: AnyArray, loss: float, gap: AnyArray) -> Float64Array:
    """The metrics by what was right of, is of and was called each class ((C,) counts), the mean loss, and by how much
    more rows of each bin are right than they were sure of in sum."""
    present, seen, count = actual > 0, actual + called > 0, actual.sum()
    return np.array(
        [
            hits.sum() / count,
            (hits[present] / actual[present]).mean(),
            (2 * hits[seen] / (actual + called)[seen]).mean(),
            loss,
            np.abs(gap).sum() / count,
        ]
    )


def correct(probabilities: FloatArray, labels: IntArray) -> Bits:
    """Which of the (m,) test rows the most probable class is right for: (⌈m / 8⌉,) uint8, as `numpy.packbits` packs."""
    return np.packbits(probabilities.argmax(axis=1) == labels)


def constant(pool_labels: IntArray, rows: int, class_count: int) -> FloatArray:
    """(rows, C) probabilities of the answer that is always the most frequent class of the pool: what chance reaches."""
    certain = np.zeros((rows, class_count), np.float32)
    certain[:, np.bincount(pool_labels, minlength=class_count).argmax()] = 1
    return certain
