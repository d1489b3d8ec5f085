from dataclasses import replace

import numpy as np
import pytest

from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.labelling.signals import audit_accuracy, batch_ends, held_out_right, signals
from nofreelunch.labelling.state import OPEN, LabelState
from nofreelunch.selection.contract import blobs

FEATURES, LABELS = blobs(400, 10, 3, spread=1.0)
ORDER = np.random.default_rng(0).random(400)


def labelled(batches, size=20, audit=5, labels=LABELS):
    """The state after so many batches: audit texts in their order, and others by number."""
    reserve = np.flatnonzero(ORDER < 0.25)
    audits, others = reserve[np.argsort(ORDER[reserve])], np.flatnonzero(ORDER >= 0.25)
    known, batch = np.full(400, OPEN), np.full(400, -1)
    for number in range(batches):
        rows = [*audits[number * audit :][:audit], *others[number * (size - audit) :][: size - audit]]
        known[rows], batch[rows] = labels[rows], number
    return LabelState(FEATURES, known, 3, ORDER, 0.25, batch, LogisticSpec(C=100.0))


def test_signals_come_in_as_batches_do():
    none = signals(labelled(0))
    assert (none.labels, none.accuracy, none.forecast, none.uncertainty) == (0, None, None, None)
    one = signals(labelled(1))
    assert (one.labels, one.accuracy.n, one.forecast, one.agreement, one.changed) == (20, 5, None, None, None)
    three = signals(labelled(3))
    assert three.changed is not None
    assert three.agreement is None
    five = signals(labelled(5))
    assert five.forecast.labels == 100
    assert five.forecast.low < five.forecast.gain < five.forecast.high
    assert 0 < five.uncertainty < five.doubt <= 1
    assert five.agreement > 0.5
    assert signals(labelled(5)) == five


def test_a_text_is_judged_by_heads_that_never_saw_its_label():
    state = labelled(4)
    right = held_out_right(state, 80)
    row = state.audited[7]
    wrong = LABELS.copy()
    wrong[row] = (wrong[row] + 1) % 3
    other = held_out_right(labelled(4, labels=wrong), 80)
    # Rows of the same fold are judged by the same heads as before; the row itself is, by another truth.
    same = (np.arange(20) % 5 == 7 % 5) & (np.arange(20) != 7)
    assert right[same].tolist() == other[same].tolist()
    assert not (right[7] and other[7])


def test_the_curve_at_an_earlier_batch_knows_nothing_of_later_ones():
    late = labelled(5)
    early = replace(labelled(2), labels=np.where(late.batch < 2, late.labels, OPEN))
    assert batch_ends(late).tolist() == [20, 40, 60, 80, 100]
    assert held_out_right(late, 40)[:10].tolist() == held_out_right(early, 40).tolist()


def test_all_texts_labelled_leave_nothing_to_be_unsure_of():
    everything = LabelState(FEATURES, LABELS, 3, ORDER, 0.25, np.zeros(400, np.int64), LogisticSpec(C=100.0))
    found = signals(everything)
    assert (found.uncertainty, found.changed, found.labels) == (None, None, 400)
    assert audit_accuracy(everything).n == int((ORDER < 0.25).sum())


def test_no_audit_means_no_accuracy_and_no_forecast():
    state = replace(labelled(5), share=0.0)
    found = signals(state)
    assert (found.accuracy, found.forecast) == (None, None)
    assert found.agreement == pytest.approx(signals(labelled(5)).agreement)
