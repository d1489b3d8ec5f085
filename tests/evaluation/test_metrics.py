import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from nofreelunch.cells.metrics import METRICS, score


@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 999))
def test_equals_scikit_learn(count, classes, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes) * 0.3, size=count).astype(np.float32)
    labels = rng.integers(classes, size=count)
    ours = dict(zip(METRICS, score(p, labels), strict=True))
    predicted = p.argmax(axis=1)
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    recalls = metrics.recall_score(labels, predicted, labels=np.unique(labels), average=None, zero_division=0)
    assert ours["balanced_accuracy"] == pytest.approx(recalls.mean())
    assert ours["macro_f1"] == pytest.approx(metrics.f1_score(labels, predicted, average="macro", zero_division=0))
    clipped = np.maximum(p[np.arange(count), labels].astype(float), np.finfo(np.float32).eps)
    assert ours["nll"] == pytest.approx(-np.log(clipped).mean())


def test_calibration_error_by_hand():
    # Bin of 0.9 holds three rows, two right: |2/3 − 0.9| · 3/4. Bin of 0.6 holds one, right: |1 − 0.6| · 1/4.
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]], np.float32)
    ece = score(p, np.array([0, 0, 1, 1]))[METRICS.index("ece")]
    assert ece == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.4, abs=1e-6)


def test_a_class_the_head_never_saw_costs_a_finite_nll():
    nll = score(np.array([[1.0, 0.0]], np.float32), np.array([1]))[METRICS.index("nll")]
    assert nll == pytest.approx(-np.log(np.finfo(np.float32).eps))
