import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from nofreelunch.heads.scaling import scale

RNG = np.random.default_rng(0)
POOL = RNG.normal(3, 2, size=(50, 5)).astype(np.float32)
TEST = RNG.normal(3, 2, size=(20, 5)).astype(np.float32)


def test_standardize_is_fitted_on_the_pool_only():
    pool, test = scale(POOL, TEST, "standardize", centre=False)
    reference = StandardScaler().fit(POOL.astype(np.float64))
    np.testing.assert_allclose(pool, reference.transform(POOL), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(test, reference.transform(TEST), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(scale(POOL, TEST + 100, "standardize", centre=False)[0], pool)


def test_unit_rows_have_length_one_and_zero_rows_stay():
    rows = POOL.copy()
    rows[3] = 0
    pool, _ = scale(rows, TEST, "unit", centre=False)
    lengths = np.linalg.norm(pool, axis=1)
    np.testing.assert_allclose(np.delete(lengths, 3), 1, rtol=1e-6)
    assert lengths[3] == 0


def test_constant_features_become_zero():
    rows = POOL.copy()
    rows[:, 2] = 0.1
    pool, test = scale(rows, TEST, "standardize", centre=False)
    assert not pool[:, 2].any()
    assert not test[:, 2].any()


@pytest.mark.parametrize("how", ["none", "unit"])
def test_centring_takes_the_pools_mean_from_both_before_lengths_are_set(how):
    mean = POOL.astype(np.float64).mean(axis=0)
    expected, expected_test = scale(POOL - mean, TEST - mean, how, centre=False)
    pool, test = scale(POOL, TEST, how, centre=True)
    np.testing.assert_allclose(pool, expected, atol=1e-5)
    np.testing.assert_allclose(test, expected_test, atol=1e-5)
    np.testing.assert_array_equal(scale(POOL, TEST + 100, how, centre=True)[0], pool)


@pytest.mark.parametrize("how", ["none", "unit", "standardize"])
def test_a_constant_shift_and_a_change_of_scale_change_no_bit_of_centred_unit_rows(how):
    grid = np.float32(2.0**-12)
    rows = (RNG.integers(-1000, 1000, size=(64, 5)) * grid).astype(np.float32)
    shift = np.array([3, -7, 0.5, 100, 0], np.float32)
    one, other = (scale(part[:48], part[48:], how, centre=True) for part in (rows, rows + shift))
    for before, after in zip(one, other, strict=True):
        np.testing.assert_allclose(before, after, atol=3e-6 if how == "standardize" else 0)
    if how != "none":
        for before, after in zip(one, scale(4 * rows[:48], 4 * rows[48:], how, centre=True), strict=True):
            np.testing.assert_array_equal(before, after)


def test_a_row_that_is_the_mean_is_zero_whatever_rounding_leaves_of_it():
    rows = np.full((7, 5), 0.1, np.float32)
    pool, test = scale(rows, rows[:2], "unit", centre=True)
    assert not pool.any()
    assert not test.any()


@pytest.mark.parametrize("how", ["none", "unit", "standardize"])
def test_inputs_are_left_alone_and_results_are_float32(how):
    before = POOL.copy()
    pool, test = scale(POOL, TEST.astype(np.float16), how, centre=False)
    np.testing.assert_array_equal(POOL, before)
    assert pool.dtype == test.dtype == np.float32
