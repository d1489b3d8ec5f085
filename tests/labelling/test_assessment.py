import numpy as np
import pytest
from scipy import stats

from nofreelunch.labelling.accuracy import Assessment, assess, balanced, paired_gain


def test_a_sample_worked_out_by_hand():
    truth = np.array([0] * 12 + [1] * 6 + [2] * 2)
    predicted = truth.copy()
    predicted[:3] = 1
    predicted[12] = 0
    found = assess(truth, predicted, population=1000, classes=4)
    assert isinstance(found, Assessment)
    assert (found.overall.value, found.overall.n) == (0.8, 20)
    assert (found.majority_class, found.majority.value) == (0, 0.6)
    # 9 rows right for both, 7 for the model alone, 3 for the majority alone.
    assert found.gain.value == pytest.approx(0.2)
    law = stats.binom(10, 0.5)
    assert found.gain.p == pytest.approx(2 * law.cdf(3) - law.pmf(3))
    assert list(found.by_class) == [0]
    assert (found.by_class[0].value, found.by_class[0].n) == (0.75, 12)
    assert found.balanced is None
    assert found.unheard == (3,)


def test_without_an_audit_nothing_is_known():
    nothing = np.empty(0, np.int64)
    found = assess(nothing, nothing, population=50, classes=2)
    assert found.overall.n == 0
    assert (found.overall.low, found.overall.high) == (0, 1)
    assert found.majority_class == -1
    assert (found.gain.low, found.gain.high, found.gain.p) == (-1, 1, 1)
    assert found.unheard == (0, 1)


def test_every_row_audited_leaves_no_doubt_of_file_or_class():
    truth = np.repeat([0, 1], 20)
    predicted = np.where(np.arange(40) % 4 == 0, 1 - truth, truth)
    found = assess(truth, predicted, population=40, classes=2)
    for estimate in (found.overall, *found.by_class.values()):
        assert (estimate.low, estimate.value, estimate.high) == (0.75, 0.75, 0.75)


def files(rng, runs, size, n, recalls, shares):
    """Samples of ``n`` of files of ``size``: the file's classes, which rows a model gets right, and the sample."""
    for _ in range(runs):
        truth = rng.choice(len(shares), size, p=shares)
        right = rng.random(size) < np.asarray(recalls)[truth]
        yield truth, right, rng.permutation(size)[:n]


def test_intervals_of_accuracy_classes_balance_and_gain_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    recalls, shares = (0.9, 0.6, 0.8), (0.5, 0.3, 0.2)
    inside = {"overall": [], "class": [], "balanced": [], "gain": []}
    for truth, right, rows in files(rng, 500, 600, 120, recalls, shares):
        predicted = np.where(right, truth, (truth + 1) % 3)
        found = assess(truth[rows], predicted[rows], 600, 3)
        real = {name: right[truth == name].mean() for name in range(3)}
        inside["overall"].append(found.overall.low <= right.mean() <= found.overall.high)
        inside["class"] += [one.low <= real[name] <= one.high for name, one in found.by_class.items()]
        if found.balanced is not None:
            inside["balanced"].append(found.balanced.low <= np.mean(recalls) <= found.balanced.high)
        difference = sum(share * recall for share, recall in zip(shares, recalls, strict=True)) - shares[0]
        inside["gain"].append(found.gain.low <= difference <= found.gain.high)
    for what, hits in inside.items():
        # ± 3 standard errors of a share of 500 about 93 to 97 %.
        assert 0.905 <= np.mean(hits) <= 0.99, what


def test_a_model_that_is_no_better_is_called_better_no_more_often_than_it_may():
    rng = np.random.default_rng(1)
    called = [paired_gain(rng.random(80) < 0.5, rng.random(80) < 0.5).p < 0.05 for _ in range(600)]
    assert np.mean(called) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)


def test_a_balanced_accuracy_needs_rows_of_every_class():
    truth = np.array([0] * 30 + [1] * 4)
    assert balanced(truth, np.ones(34, bool), 2) is None
    found = balanced(np.append(truth, 1), np.arange(35) != 0, 2)
    assert found.value == pytest.approx((29 / 30 + 1) / 2)
    assert found.low < found.value < found.high
    assert balanced(np.append(truth, 1), np.arange(35) != 0, 2) == found
