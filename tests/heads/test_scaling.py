import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from nofreelunch.heads.scaling import scale

RNG = np.random.default_rng(0)
POOL = RNG.normal(3, 2, size=(50, 5)).astype(np.float32)
TEST = RNG.normal(3, 2, size=(20, 5)).astype(np.float32)


def test_standardize_is_fitted_on_the_pool_only():
    pool, test = scale(POOL, TEST, "standardize")
    reference = StandardScaler().fit(POOL.astype(np.float64))
    np.testing.assert_allclose(pool, reference.transform(POOL), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(test, reference.transform(TEST), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(scale(POOL, TEST + 100, "standardize")[0], pool)


def test_unit_rows_have_length_one_and_zero_rows_stay():
    rows = POOL.copy()
    rows[3] = 0
    pool, _ = scale(rows, TEST, "unit")
    lengths = np.linalg.norm(pool, axis=1)
    np.testing.assert_allclose(np.delete(lengths, 3), 1, rtol=1e-6)
    assert lengths[3] == 0


def test_constant_features_become_zero():
    rows = POOL.copy()
    rows[:, 2] = 0.1
    pool, test = scale(rows, TEST, "standardize")
    assert not pool[:, 2].any()
    assert not test[:, 2].any()


@pytest.mark.parametrize("how", ["none", "unit", "standardize"])
def test_inputs_are_left_alone_and_results_are_float32(how):
    before = POOL.copy()
    pool, test = scale(POOL, TEST.astype(np.float16), how)
    np.testing.assert_array_equal(POOL, before)
    assert pool.dtype == test.dtype == np.float32
