import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from nofreelunch.heads import softmax
from nofreelunch.heads.linear import LinearHead, panel_products
from nofreelunch.space.rows import Rows


def blobs(n, d, classes, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, d))
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    features = centres[labels] + spread * rng.normal(size=(n, d))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), labels.astype(np.int64)


def fitted(features, labels, pool, C, classes, start=None, intercept="free"):
    basis = softmax.Basis.of(Rows(pool), intercept)
    fit = softmax.fit(basis.rotate(features), labels, C, start, free=intercept == "free")
    return fit, LinearHead(classes, fit.classes, *fit.unrotate(basis))


@pytest.mark.parametrize("classes", [2, 3, 20])
@pytest.mark.parametrize("C", [0.1, 10.0, 1000.0])
@pytest.mark.parametrize(("n", "d"), [(40, 60), (300, 16)])
def test_probabilities_equal_scikit_learns_optimum(classes, C, n, d):
    features, labels = blobs(n + 500, d, classes, seed=classes)
    reference = LogisticRegression(C=C, tol=1e-10, max_iter=100_000)
    reference.fit(features[:n].astype(np.float64), labels[:n])
    _, head = fitted(features[:n], labels[:n], features, C, classes)
    difference = head.probabilities(features) - reference.predict_proba(features.astype(np.float64))
    assert np.abs(difference).max() <= 1e-4


def with_constant(x: np.ndarray, C: float) -> np.ndarray:
    """``x`` and the feature whose weights cost as much as intercepts whose normal prior has the variance of ours."""
    return np.column_stack([x, np.full(len(x), np.sqrt(softmax.INTERCEPT_VARIANCE / C))])


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("C", [0.1, 10.0, 1000.0])
@pytest.mark.parametrize(("n", "d"), [(40, 60), (300, 16)])
@pytest.mark.parametrize("shift", [0, 2])
def test_a_penalised_intercept_is_that_of_a_constant_feature_and_none_is_0(classes, C, n, d, shift):
    features, labels = blobs(n + 300, d, classes, seed=classes)
    features += np.float32(shift / np.sqrt(d))
    plain = features.astype(np.float64)
    for intercept, x in (("none", plain), ("penalised", with_constant(plain, C))):
        reference = LogisticRegression(C=C, tol=1e-10, max_iter=100_000, fit_intercept=False).fit(x[:n], labels[:n])
        fit, head = fitted(features[:n], labels[:n], features, C, classes, intercept=intercept)
        assert fit.converged
        assert np.abs(head.probabilities(features) - reference.predict_proba(x)).max() <= 1e-4
        assert (intercept == "none") == (not head.intercepts.any())


def test_a_fit_that_is_cut_short_says_so_and_where_it_stands(monkeypatch):
    features, labels = blobs(100, 8, 3, seed=0)
    z = softmax.Basis.of(Rows(features)).rotate(features)
    whole = softmax.fit(z, labels, 100.0)
    monkeypatch.setattr(softmax, "MAX_ITERATIONS", 3)
    cut = softmax.fit(z, labels, 100.0)
    assert (whole.converged, cut.converged, cut.iterations) == (True, False, 3)
    p = np.exp(z @ cut.weights)
    p /= p.sum(axis=1, keepdims=True)
    gradient = z.T @ (p - np.eye(3)[labels]) / 100 + np.diag([1.0] * 8 + [0.0]) @ cut.weights / (100 * 100.0)
    assert cut.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-3)
    assert whole.gradient_norm < cut.gradient_norm / 10


def test_a_warm_start_reaches_the_same_optimum_with_new_rows_and_classes():
    features, labels = blobs(400, 24, 6, seed=0)
    few = np.flatnonzero(labels[:200] < 4)[:60]
    start, _ = fitted(features[few], labels[few], features, 100.0, 6)
    cold, head = fitted(features[:200], labels[:200], features, 100.0, 6)
    _, warm_head = fitted(features[:200], labels[:200], features, 100.0, 6, start)
    np.testing.assert_allclose(warm_head.probabilities(features), head.probabilities(features), atol=1e-4)
    again, _ = fitted(features[:200], labels[:200], features, 100.0, 6, cold)
    assert again.iterations < cold.iterations / 4


def test_separable_rows_and_hardly_any_penalty_converge_too():
    features, labels = blobs(400, 120, 15, seed=3, spread=0.3)
    features *= 20
    reference = LogisticRegression(C=1000.0, tol=1e-12, max_iter=100_000)
    reference.fit(features[:300].astype(np.float64), labels[:300])
    fit, head = fitted(features[:300], labels[:300], features, 1000.0, 15)
    assert fit.iterations < 300
    difference = head.probabilities(features) - reference.predict_proba(features.astype(np.float64))
    assert np.abs(difference).max() <= 1e-4


@pytest.mark.parametrize("seed", range(2, 6))
def test_a_start_that_is_wrong_and_sure_of_itself_is_not_taken(seed):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(20), rng.integers(20, size=20)])
    features = (100 * rng.normal(size=(40, 2))).astype(np.float32)
    start, _ = fitted(features[:30], labels[:30], features, 1e4, 20)
    warm, _ = fitted(features, labels, features, 1e4, 20, start)
    cold, _ = fitted(features, labels, features, 1e4, 20)
    assert warm.iterations <= cold.iterations < softmax.MAX_ITERATIONS
    np.testing.assert_array_equal(warm.weights, cold.weights)


@pytest.mark.parametrize("new", [1, 3])
def test_surprising_labels_among_sure_rows_lead_to_the_optimum(new):
    rng = np.random.default_rng(1)
    labels = np.concatenate([np.arange(20), rng.integers(20, size=180 + new)])
    centres = rng.normal(size=(20, 40))
    features = (100 * (centres[labels] + 0.2 * rng.normal(size=(200 + new, 40)))).astype(np.float32)
    labels[200:] = (labels[200:] + 1) % 20
    start, _ = fitted(features[:200], labels[:200], features, 1e4, 20)
    fit, head = fitted(features, labels, features, 1e4, 20, start)
    assert fit.iterations < softmax.MAX_ITERATIONS
    np.testing.assert_allclose(head.probabilities(features), np.eye(20)[labels], atol=1e-4)


def test_one_class_only_gives_that_class_probability_one():
    features, _ = blobs(10, 4, 2, seed=0)
    _, head = fitted(features, np.full(10, 3), features, 1.0, classes=5)
    np.testing.assert_array_equal(head.probabilities(features), np.eye(5, dtype=np.float32)[np.full(10, 3)])


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(2, 30), d=st.integers(1, 12), classes=st.integers(2, 6), C=st.sampled_from([1e-3, 1.0, 1e4]),
    degenerate=st.sampled_from(["none", "constant", "duplicates", "zeros"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_input_gives_probabilities(n, d, classes, C, degenerate, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d)).astype(np.float32)
    if degenerate == "constant":
        features[:] = 0.5
    elif degenerate == "duplicates":
        features[:] = features[rng.integers(2, size=n)]
    elif degenerate == "zeros":
        features[:] = 0
    _, head = fitted(features, rng.integers(classes, size=n), features, C, classes)
    p = head.probabilities(features)
    assert p.shape == (n, classes)
    assert np.all(p >= 0)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)


def test_missing_classes_have_probability_zero():
    features, labels = blobs(50, 8, 3, seed=1)
    _, head = fitted(features, labels * 2, features, 1.0, classes=6)
    p = head.probabilities(features)
    assert not p[:, [1, 3, 5]].any()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=6), st.integers(1, 70), st.integers(0, 99))
def test_a_heads_products_do_not_depend_on_its_company(sizes, d, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(203, d)).astype(np.float32)
    heads = [
        LinearHead(k, np.arange(k), rng.normal(size=(k, d)).astype(np.float32), np.zeros(k, np.float32)) for k in sizes
    ]
    together = panel_products(heads, Rows(features))
    for head, products in zip(heads, together, strict=True):
        np.testing.assert_array_equal(products, panel_products([head], Rows(features))[0])
        np.testing.assert_allclose(products, head.coefficients @ features.T, rtol=1e-3, atol=1e-4)
