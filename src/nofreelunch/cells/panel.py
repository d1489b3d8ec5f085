"""Metrics of the heads of many runs at once, where what they say of the test rows is."""

from typing import Any

import numpy as np

from nofreelunch.base.arrays import Bits, Float64Array, IntArray
from nofreelunch.cells import metrics
from nofreelunch.space.rows import Rows

UNITS = 2**40


def score_panel(panel: Any, labels: IntArray, rows: Rows) -> list[tuple[Float64Array, Bits]]:
    """`metrics.score` and `metrics.correct` of each head of a ``panel``.

    Args:
        panel: (r, C, m) probabilities, where products with the test rows are computed; from a device those sums
            alone come down from which the metrics follow, and which rows are right.
        labels: (m,) int64.
        rows: the test rows.
    """
    if not rows.several:
        return [(metrics.score(own.T, labels), metrics.correct(own.T, labels)) for own in panel]
    count, classes, _ = panel.shape
    truth = rows.up(labels).expand(count, -1)
    predicted = panel.argmax(axis=1)
    right = predicted == truth
    hits = right.long()
    own, top = (panel.gather(1, which[:, None])[:, 0] for which in (truth, predicted))
    bins = (top * metrics.CALIBRATION_BINS).long().clip(max=metrics.CALIBRATION_BINS - 1)
    # Whole numbers, of which sums are the same in any order; no top probability is so small that it is rounded.
    gaps = hits * UNITS - (top.double() * UNITS).long()
    losses = -own.clip(metrics.LEAST).double().log()
    parts = [
        _summed(truth, hits, classes).double(),
        _summed(predicted, rows.xp.ones_like(predicted), classes).double(),
        _summed(bins, gaps, metrics.CALIBRATION_BINS).double() / UNITS,
        losses.mean(axis=1)[:, None],
    ]
    sums = rows.xp.concatenate(parts, axis=1)
    # One copy, bytes of both, as each waits for the device.
    both = rows.down(rows.xp.concatenate([each.view(rows.xp.uint8) for each in (sums, right)], axis=1))
    cut = 8 * sums.shape[1]
    actual = np.bincount(labels, minlength=classes)
    found = []
    for own, bits in zip(np.ascontiguousarray(both[:, :cut]).view(np.float64), both[:, cut:], strict=True):
        hit, called, gap, loss = np.split(own, np.cumsum([classes, classes, metrics.CALIBRATION_BINS]))
        found.append((metrics.values_of(hit, actual, called, loss[0], gap), np.packbits(bits)))
    return found


def _summed(places: Any, values: Any, width: int) -> Any:
    """(r, width) sums of whole ``values`` ((r, m)) by their ``places``, on a device."""
    return values.new_zeros(len(values), width).scatter_add_(1, places, values)
