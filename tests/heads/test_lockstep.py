"""Fits and choices of many runs at once against those of one after the other, on torch's CPU device."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import blobs
from torch.nn.utils.rnn import pad_sequence

from nofreelunch.heads import cross_validation, logistic_lockstep, softmax, trainer
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.lockstep import Fits, Problems, solve
from nofreelunch.space.device import DeviceRows
from nofreelunch.space.rows import Rows


def together(rows: list[np.ndarray], labels: list[np.ndarray], C: list[float], classes: int, *, free: bool) -> Fits:
    z = pad_sequence([torch.tensor(own) for own in rows], batch_first=True)
    targets = pad_sequence([torch.tensor(own) for own in labels], batch_first=True)
    seen = pad_sequence([torch.ones(len(own), dtype=torch.bool) for own in rows], batch_first=True)
    return solve(Problems.of(z, targets, seen[..., None], classes, free=free), torch.tensor(C))


def probabilities(z: np.ndarray, weights: np.ndarray) -> np.ndarray:
    scores = z @ weights
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def objective(
    p: np.ndarray, weights: np.ndarray, labels: np.ndarray, classes: np.ndarray, C: float, free: bool
) -> float:
    """C · Σ cross-entropy + ½‖W‖² divided by n · C, as `softmax` writes it for any number of classes."""
    strength = len(p) * (C / 2 if len(classes) == 2 else C)
    squares = (weights.astype(np.float64) ** 2).sum(axis=1) / strength
    squares[-1] *= 0 if free else C / softmax.INTERCEPT_VARIANCE
    own = p[np.arange(len(p)), np.searchsorted(classes, labels)]
    return float(-np.log(np.maximum(own, 1e-30)).mean() + squares.sum() / 2)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    d=st.integers(1, 12),
    classes=st.integers(2, 6),
    degenerate=st.sampled_from(["none", "constant", "duplicates", "zeros", "separable"]),
    free=st.booleans(),
    seed=st.integers(0, 99),
)
def test_fits_together_are_those_of_one_after_the_other(sizes, d, classes, degenerate, free, seed):
    rng = np.random.default_rng(seed)
    rows, labels, C = [], [], []
    for number, size in enumerate(sizes):
        answers = rng.integers(classes, size=size)
        if number == 1:
            answers[:] = classes - 1
        plain = rng.normal(size=(size, d)).astype(np.float32)
        made = {
            "none": plain,
            "constant": np.full_like(plain, 0.5),
            "duplicates": plain[rng.integers(2, size=size) % size],
            "zeros": np.zeros_like(plain),
            "separable": plain + 20 * np.eye(classes, d, dtype=np.float32)[answers],
        }[degenerate]
        rows.append(np.column_stack([made, np.ones(size, np.float32)]))
        labels.append(answers)
        C.append(float(rng.choice([1e-3, 1.0, 1e4])))
    found = together(rows, labels, C, classes, free=free)
    for run, (own, answers, strength) in enumerate(zip(rows, labels, C, strict=True)):
        alone = softmax.fit(own, answers, strength, free=free)
        weights = found.weights[run, :, 0].numpy()
        p, expected = probabilities(own, weights[:, alone.classes]), probabilities(own, alone.weights)
        np.testing.assert_allclose(p, expected, atol=2e-4)
        assert objective(p, weights, answers, alone.classes, strength, free) == pytest.approx(
            objective(expected, alone.weights, answers, alone.classes, strength, free), rel=1e-3, abs=1e-5
        )
        assert not np.delete(weights, alone.classes, axis=1).any()
        # Under a weak penalty the last steps can be so small that float32's last bits say whether they are calm.
        if strength <= 1:
            assert bool(found.converged[run, 0]) == alone.converged
        assert (found.iterations[run, 0] == 0) == (len(alone.classes) == 1)
        assert found.gradient_norm[run, 0] <= 1e-3 or not alone.converged


def test_fits_that_are_cut_short_say_so(monkeypatch):
    features, labels = blobs(100, 8, 3, seed=0)
    z = softmax.Basis.of(Rows(features)).rotate(features)
    monkeypatch.setattr(softmax, "MAX_ITERATIONS", 3)
    found = together([z, z[:40]], [labels, np.zeros(40, np.int64)], [100.0, 100.0], 3, free=True)
    assert found.converged[:, 0].tolist() == [False, True]
    assert found.iterations[:, 0].tolist() == [3, 0]
    assert found.gradient_norm[0, 0] == pytest.approx(softmax.fit(z, labels, 100.0).gradient_norm, rel=1e-2)


def sets(labels: np.ndarray) -> list[np.ndarray]:
    """Labelled rows of five runs: ordinary ones, fewer than classes, of one class alone, with a class of one row, and
    of half the classes."""
    rng = np.random.default_rng(0)
    lonely = np.concatenate([np.flatnonzero(labels == 0)[:1], rng.permutation(np.flatnonzero(labels > 0))])
    return [
        rng.permutation(len(labels)),
        rng.permutation(len(labels)),
        np.flatnonzero(labels == 2),
        lonely,
        rng.permutation(np.flatnonzero(labels < 4)),
    ]


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
@pytest.mark.parametrize("C", ["cv", 0.01, 1e4])
@pytest.mark.parametrize(("d", "spread"), [(30, 0.6), (12, 0.1)])
def test_runs_in_lockstep_get_the_heads_that_they_get_alone(intercept, C, d, spread, monkeypatch):
    features, labels = blobs(300, d, 8, seed=1, spread=spread)
    spec = LogisticSpec(C=C, intercept=intercept)
    here = trainer(spec, Rows(features), 8)
    there = trainer(spec, DeviceRows(features, None, "torch"), 8)
    monkeypatch.setattr(logistic_lockstep, "TOGETHER_BYTES", 3 * 4 * (60 * (d + 1) + 8 * 5 * 8 * (61 + d)))
    orders = sets(labels)
    learners = [[one.learner(np.random.default_rng(seed)) for seed in range(len(orders))] for one in (here, there)]
    for size in (5, 20, 28, 60):
        rows = [order[:size] for order in orders]
        answers = [labels[own] for own in rows]
        fitted = [one.fit_many(own, rows, answers) for one, own in zip((here, there), learners, strict=True)]
        for (one, _), (other, seconds) in zip(*fitted, strict=True):
            assert seconds > 0
            assert one.classes.tolist() == other.classes.tolist()
            assert (one.training.C, one.training.converged) == (other.training.C, other.training.converged)
            assert other.coefficients.shape == one.coefficients.shape
            np.testing.assert_allclose(one.probabilities(features), other.probabilities(features), atol=2e-4)


def test_a_class_that_is_alone_and_rows_fewer_than_folds_are_dealt_as_alone(monkeypatch):
    seen = []
    choose = logistic_lockstep.choose
    monkeypatch.setattr(
        logistic_lockstep, "choose", lambda *args: seen.append([len(own) for own in args[2]]) or choose(*args)
    )
    features, labels = blobs(60, 6, 2, seed=0, spread=0.3)
    made = trainer(LogisticSpec(), DeviceRows(features, None, "torch"), 2)
    learners = [made.learner(np.random.default_rng(seed)) for seed in range(3)]
    orders = [np.argsort(labels, kind="stable")[:6], np.array([0, 1]), np.arange(40)]
    made.fit_many(learners, orders, [labels[order] for order in orders])
    assert [learner.choice.C == cross_validation.PRIOR for learner in learners] == [True, True, False]
    assert seen == [[40]]


def test_a_pool_too_large_for_the_device_is_fitted_as_on_the_cpu(monkeypatch):
    features, labels = blobs(60, 6, 2, seed=0)
    monkeypatch.setattr(logistic_lockstep, "TOGETHER_BYTES", 4 * 60 * 7 - 1)
    monkeypatch.delattr(logistic_lockstep, "solve")
    heads = [
        trainer(LogisticSpec(), rows, 2).learner(np.random.default_rng(0)).fit(np.arange(60), labels)
        for rows in (Rows(features), DeviceRows(features, None, "torch"))
    ]
    assert heads[0].training.C == heads[1].training.C
    np.testing.assert_allclose(heads[0].coefficients, heads[1].coefficients, atol=1e-3)


def test_a_trainer_travels_without_what_lies_on_the_device():
    features, labels = blobs(60, 6, 2, seed=0)
    made = trainer(LogisticSpec(C=1.0), DeviceRows(features, None, "torch"), 2)
    before = len(pickle.dumps(made))
    first = made.learner(np.random.default_rng(0)).fit(np.arange(60), labels)
    assert len(pickle.dumps(made)) == before
    again = pickle.loads(pickle.dumps(made)).learner(np.random.default_rng(0)).fit(np.arange(60), labels)
    np.testing.assert_array_equal(again.coefficients, first.coefficients)
