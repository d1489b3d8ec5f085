"""The chosen C against a plain slow reference, and what becomes of labels that are too few or too uneven."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import blobs, fitted
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from nofreelunch.heads import cross_validation, trainer
from nofreelunch.heads.cross_validation import FOLDS, GRID, PRIOR, choose, deal, feasible, in_row_space
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.softmax import INTERCEPT_VARIANCE, Basis
from nofreelunch.space.rows import Rows


def reference(features: np.ndarray, labels: np.ndarray, fold: np.ndarray, intercept: bool) -> float:
    """The choice by scikit-learn, every fold at every C from scratch, on the features as they are."""
    losses = []
    for C in GRID:
        total = 0.0
        for number in range(FOLDS):
            held = fold == number
            if held.any():
                model = LogisticRegression(C=C, tol=1e-8, max_iter=100_000, fit_intercept=intercept)
                model.fit(features[~held].astype(np.float64), labels[~held])
                p = model.predict_proba(features[held].astype(np.float64))
                total += log_loss(labels[held], p, labels=model.classes_, normalize=False)
        losses.append(total)
    worse = np.flatnonzero(np.diff(losses) >= 0)
    return GRID[worse[0]] if len(worse) else GRID[-1]


@pytest.mark.parametrize("intercept", ["free", "none"])
@pytest.mark.parametrize(
    ("n", "d", "classes", "spread"), [(30, 40, 2, 2.0), (80, 10, 4, 0.5), (80, 60, 4, 1.5), (120, 30, 12, 0.4)]
)
def test_the_choice_is_a_slow_references_on_the_same_folds(n, d, classes, spread, intercept):
    features, labels = blobs(n, d, classes, seed=n + d, spread=spread)
    basis = Basis.of(Rows(features), intercept)
    free = intercept == "free"
    choice = choose(basis.rotate(features), labels, np.random.default_rng(5), free=free)
    assert choice.converged
    fold = deal(labels, np.random.default_rng(5))
    assert reference(features, labels, fold, free) == choice.C


def test_choices_differ_with_what_there_is_to_learn():
    chosen = []
    for spread in (0.2, 1.0, 30.0):
        features, labels = blobs(200, 20, 4, seed=1, spread=spread)
        z = Basis.of(Rows(features), "none").rotate(features)
        chosen.append(choose(z, labels, np.random.default_rng(0), free=False).C)
    assert chosen[0] > chosen[1] > chosen[2]
    assert chosen[2] == GRID[0]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=150), st.integers(0, 99))
def test_folds_are_even_and_leave_every_class_in_each_training_part(counts, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(3 * np.arange(len(counts)), counts))
    fold = deal(labels, np.random.default_rng(seed))
    dealt = fold[fold >= 0]
    assert np.ptp(np.bincount(dealt, minlength=FOLDS)) <= 1
    for label, count in zip(3 * np.arange(len(counts)), counts, strict=True):
        own = fold[labels == label]
        assert (own == -1).all() if count == 1 else np.ptp(np.bincount(own, minlength=FOLDS)) <= 1
        assert all((own != number).any() for number in range(FOLDS))


def test_many_rows_are_held_out_once(monkeypatch):
    calls = []
    fit = cross_validation.fit
    monkeypatch.setattr(
        cross_validation, "fit", lambda *args, **kwargs: calls.append(len(args[0])) or fit(*args, **kwargs)
    )
    monkeypatch.setattr(cross_validation, "HELD_OUT", 60)
    features, labels = blobs(200, 6, 3, seed=0)
    choose(Basis.of(Rows(features)).rotate(features), labels, np.random.default_rng(0), free=True)
    assert set(calls) == {160}
    assert len(calls) <= 2 * len(GRID)


@pytest.mark.parametrize(
    ("counts", "enough"),
    [
        ([10], False),
        ([9, 1], False),
        ([3, 3], True),
        ([2, 2], False),
        ([2] * 20 + [60], True),
        ([1] * 9 + [9, 9], False),
    ],
)
def test_when_labels_suffice(counts, enough):
    assert feasible(np.repeat(np.arange(len(counts)), counts)) is enough


@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 99))
def test_coordinates_of_the_row_space_keep_all_products(n, d, seed):
    rng = np.random.default_rng(seed)
    z = np.column_stack([rng.normal(size=(n, d)), np.ones(n)]).astype(np.float32)
    z[n // 2 :] = z[: n - n // 2]
    reduced = in_row_space(z)
    assert reduced.shape[1] <= min(n, d) + 1
    np.testing.assert_allclose(reduced @ reduced.T, z @ z.T, atol=1e-4)


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
@pytest.mark.parametrize("classes", [2, 150])
def test_the_head_at_its_choice_is_scikit_learns_optimum(classes, intercept):
    features, labels = blobs(4 * classes + 100, 30, classes, seed=classes, spread=0.7)
    n = 4 * classes
    head = fitted(LogisticSpec(C="cv", intercept=intercept), features[:n], labels[:n], classes)
    assert head.training.converged
    x = features.astype(np.float64)
    if intercept == "penalised":
        x = np.column_stack([x, np.full(len(x), np.sqrt(INTERCEPT_VARIANCE / head.training.C))])
    model = LogisticRegression(
        C=head.training.C, tol=1e-10, max_iter=100_000, fit_intercept=intercept == "free"
    ).fit(x[:n], labels[:n])  # fmt: skip
    np.testing.assert_allclose(head.probabilities(features)[:, head.classes], model.predict_proba(x), atol=1e-4)


def test_few_labels_take_the_prior_and_missing_classes_stay_missing():
    features, labels = blobs(60, 8, 6, seed=0)
    few = fitted(LogisticSpec(C="cv"), features[:6], labels[:6], 6)
    assert few.training.C == PRIOR
    some = np.flatnonzero(labels % 3 == 0)
    head = fitted(LogisticSpec(C="cv"), features[some], labels[some], 6)
    assert head.training.C in GRID
    np.testing.assert_array_equal(head.classes, [0, 3])


def test_a_class_with_one_row_takes_part():
    features, labels = blobs(60, 8, 3, seed=0)
    labels = np.where(labels == 2, 0, labels)
    labels[7] = 2
    head = fitted(LogisticSpec(C="cv"), features, labels, 3)
    assert head.training.C in GRID
    np.testing.assert_array_equal(head.classes, [0, 1, 2])


def test_c_is_chosen_anew_whenever_labels_have_grown_by_half(monkeypatch):
    sizes = []
    choice = cross_validation.choose
    monkeypatch.setattr(
        cross_validation, "choose", lambda z, *args, **kwargs: sizes.append(len(z)) or choice(z, *args, **kwargs)
    )
    features, labels = blobs(200, 8, 3, seed=0)
    learner = trainer(LogisticSpec(C="cv"), Rows(features), 3).learner(np.random.default_rng(0))
    for n in range(5, 101, 5):
        learner.fit(np.arange(n), labels[:n])
    assert sizes == [10, 15, 25, 40, 60, 90]


def test_what_a_run_has_chosen_is_taken_where_it_is_given():
    features, labels = blobs(60, 8, 3, seed=0)
    learner = trainer(LogisticSpec(C="cv"), Rows(features), 3).learner(np.random.default_rng(0), C=7.0)
    assert learner.fit(np.arange(60), labels).training.C == 7.0


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 40), d=st.integers(1, 12), classes=st.integers(2, 6),
    degenerate=st.sampled_from(["none", "constant", "duplicates", "zeros", "large"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_degenerate_rows_are_chosen_for_too(n, d, classes, degenerate, seed):
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(n, d)).astype(np.float32)
    features = {
        "none": plain,
        "constant": np.full_like(plain, 0.5),
        "duplicates": plain[rng.integers(2, size=n) % n],
        "zeros": np.zeros_like(plain),
        "large": 50 * plain,
    }[degenerate]
    head = fitted(LogisticSpec(C="cv"), features, rng.integers(classes, size=n), classes)
    assert head.training.C in (*GRID, PRIOR)
    np.testing.assert_allclose(head.probabilities(features).sum(axis=1), 1, rtol=1e-4)
