"""Each kind against scikit-learn, or against its own equations written plainly."""

import numpy as np
import pytest
from kinds import blobs, fitted
from scipy.optimize import approx_fprime
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

from nofreelunch.heads.kinds import lda, ridge
from nofreelunch.heads.kinds.knn import KnnSpec
from nofreelunch.heads.kinds.lda import LdaSpec
from nofreelunch.heads.kinds.mlp import MlpSpec
from nofreelunch.heads.kinds.ridge import RidgeSpec

SIZES = pytest.mark.parametrize(("n", "d"), [(40, 60), (300, 12)])


@SIZES
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 5])
def test_knn_equals_scikit_learn(n, d, weights, k):
    features, labels = blobs(n + 200, d, 4, seed=n)
    spec = KnnSpec(kind="knn", neighbours=k, weights=weights, smoothing=0.0)
    reference = KNeighborsClassifier(k, weights=weights, algorithm="brute").fit(features[:n], labels[:n])
    p = fitted(spec, features[:n], labels[:n], 4).probabilities(features[n:])
    np.testing.assert_allclose(p, reference.predict_proba(features[n:]), atol=1e-4)


def test_knn_pseudo_votes_by_hand():
    features = np.array([[0.0], [1.0], [3.0]], np.float32)
    spec = KnnSpec(kind="knn", neighbours=2, weights="uniform", smoothing=1.0)
    p = fitted(spec, features, np.array([0, 0, 2]), 3).probabilities(np.array([[0.2], [2.4]], np.float32))
    np.testing.assert_allclose(p, [[2.5 / 3, 0, 0.5 / 3], [1.5 / 3, 0, 1.5 / 3]], atol=1e-4)


@SIZES
@pytest.mark.parametrize("shrinkage", [0.05, 0.5, 1.0])
def test_lda_equals_scikit_learn(n, d, shrinkage):
    features, labels = blobs(n + 200, d, 4, seed=n)
    train = features[:n].astype(np.float64)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(train, labels[:n])
    p = fitted(LdaSpec(kind="lda", shrinkage=shrinkage), features[:n], labels[:n], 4).probabilities(features[n:])
    np.testing.assert_allclose(p, reference.predict_proba(features[n:].astype(np.float64)), atol=1e-4)


@SIZES
def test_shrinkage_is_ledoit_and_wolfs(n, d):
    centred = np.random.default_rng(n).normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5
    gram = (centred @ centred.T if n < d else centred.T @ centred) / n
    expected = ledoit_wolf_shrinkage(centred, assume_centered=True)
    assert lda.ledoit_wolf(centred, gram) == pytest.approx(expected, abs=1e-9)


@SIZES
@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_ridge_equals_scikit_learn_and_its_left_out_scores_a_loop(n, d, alpha):
    features, labels = blobs(n, d, 3, seed=n)
    x, onehot = features.astype(np.float64), np.eye(3)[labels]
    centre, shares = x.mean(axis=0), onehot.mean(axis=0)
    weights, left_out = ridge.solve(x - centre, onehot - shares, alpha)
    np.testing.assert_allclose(weights.T, Ridge(alpha=alpha).fit(x, onehot).coef_, atol=1e-8)
    for row in (0, 7, n - 1):
        others = np.delete(np.arange(n), row)
        expected = Ridge(alpha=alpha).fit(x[others], onehot[others]).predict(x[[row]])[0]
        np.testing.assert_allclose(left_out[row] + shares, expected, atol=1e-8)


def test_ridge_takes_the_temperature_that_fits_left_out_scores_best():
    features, labels = blobs(200, 12, 3, seed=5)
    x, onehot = features.astype(np.float64), np.eye(3)[labels]
    centre, shares = x.mean(axis=0), onehot.mean(axis=0)
    weights, left_out = ridge.solve(x - centre, onehot - shares, 1.0)
    head = fitted(RidgeSpec(kind="ridge"), features, labels, 3)
    sharpness = float(np.median(head.coefficients / weights.T))

    def loss(t):
        return -np.log(softmax(t * (left_out + shares), axis=1)[np.arange(200), labels]).mean()

    assert loss(sharpness) <= min(loss(0.98 * sharpness), loss(1.02 * sharpness))
    expected = softmax(sharpness * ((x - centre) @ weights + shares), axis=1)
    np.testing.assert_allclose(head.probabilities(features), expected, atol=1e-4)


def test_mlp_minimises_what_it_says():
    """At its end the gradient of C · Σ cross-entropy + ½ (‖V‖² + ‖W‖²) for the layer of outputs, by differences, is
    about 0; a hidden unit may rest on its kink."""
    features, labels = blobs(60, 5, 3, seed=3)
    features = features.astype(np.float64)
    network = fitted(MlpSpec(kind="mlp", hidden=4, C=2.0, iterations=3000), features, labels, 3).fitted
    parts = [*network.coefs_, *network.intercepts_]
    bounds = np.cumsum([part.size for part in parts])[:-1]

    def loss(flat):
        V, W, a, b = (p.reshape(q.shape) for p, q in zip(np.split(flat, bounds), parts, strict=True))
        p = softmax(np.maximum(features @ V + a, 0) @ W + b, axis=1)[np.arange(60), labels]
        return 2 * -np.log(p).sum() + ((V**2).sum() + (W**2).sum()) / 2

    at = np.concatenate([part.ravel() for part in parts])
    slopes = np.split(approx_fprime(at, loss, 1e-6), bounds)
    assert max(np.abs(slopes[part]).max() for part in (1, 3)) < 0.15
    assert loss(at) < 0.8 * 2 * 60 * np.log(3)


def test_mlp_weights_come_from_the_seed_alone():
    features, labels = blobs(80, 8, 3, seed=4)
    spec = MlpSpec(kind="mlp", hidden=16)
    one, same, other = (fitted(spec, features, labels, 3, seed).probabilities(features) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-4
