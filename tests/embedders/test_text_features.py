import numpy as np
import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.embedders.text_features import hashing, lsa

TRAIN = ["the cat sat on the mat", "a dog ran", "dogs and cats", "the mat was red", "red dogs ran", "cats sat"]


def test_hashing_equals_scikit_learn():
    from sklearn.feature_extraction.text import HashingVectorizer

    train, test = hashing(64, [TRAIN], [["a red cat", ""]])
    expected = HashingVectorizer(n_features=64)
    assert np.allclose(train[0], expected.transform(TRAIN).toarray())
    assert np.allclose(test[0], expected.transform(["a red cat", ""]).toarray())
    assert train[0].dtype == np.float32
    assert np.allclose(np.linalg.norm(train[0], axis=1), 1)


def test_lsa_keeps_the_inner_products_of_the_pool_at_full_rank():
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, _ = lsa(50, [TRAIN], [TRAIN])
    counts = TfidfVectorizer(sublinear_tf=True).fit_transform(TRAIN).toarray()
    assert np.allclose(train[0] @ train[0].T, counts @ counts.T, atol=1e-5)


def test_lsa_is_the_best_approximation():
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, _ = lsa(3, [TRAIN], [TRAIN])
    values = np.linalg.svd(TfidfVectorizer(sublinear_tf=True).fit_transform(TRAIN).toarray(), compute_uv=False)
    assert np.allclose(np.linalg.svd(train[0], compute_uv=False), values[:3], atol=1e-4)


def test_lsa_test_rows_do_not_influence_the_fit():
    train, test = lsa(4, [TRAIN], [["red cats"]])
    other_train, other_test = lsa(4, [TRAIN], [["red cats", "new words everywhere", "mat mat mat"]])
    assert np.array_equal(train[0], other_train[0])
    assert np.allclose(test[0][0], other_test[0][0])


def test_lsa_same_train_text_in_test_has_the_same_vector():
    train, test = lsa(4, [TRAIN], [TRAIN[::-1]])
    assert np.allclose(train[0][::-1], test[0], atol=1e-6)


def test_lsa_dim_is_capped_by_the_rank():
    train, test = lsa(10, [["red cat", "red cat", "blue dog", "blue dog"]], [["red"]])
    assert train[0].shape == (4, 2)
    assert test[0].shape == (1, 2)


def test_lsa_of_pairs_is_fitted_on_both_columns():
    train, _ = lsa(10, [["cat"], ["dog"]], [["cat"], ["dog"]])
    assert train[0].shape == train[1].shape == (1, 2)
    assert np.abs(train[1]).max() > 0.5


def test_lsa_without_words():
    with pytest.raises(UserError, match="use 'hashing'"):
        lsa(4, [["!", "?"]], [["a"]])
