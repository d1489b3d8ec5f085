import numpy as np
import pytest
from scipy import stats

from nofreelunch.evaluation.audit import accuracy


@pytest.mark.parametrize(
    ("population", "right", "n"), [(1000, 800, 50), (200, 150, 40), (10_000, 6_000, 30), (300, 240, 150)]
)
def test_the_interval_holds_the_truth_as_often_as_it_says(population, right, n):
    # Exactly, over every sample that there can be.
    seen = np.arange(n + 1)
    weights = stats.hypergeom.pmf(seen, population, right, n)
    found = [accuracy(int(count), n, population) for count in seen if weights[count] > 0]
    inside = [estimate.low <= right / population <= estimate.high for estimate in found]
    assert 0.93 <= weights[weights > 0] @ inside <= 0.97


def test_a_population_that_was_looked_at_leaves_no_doubt():
    assert accuracy(40, 50, 50) == accuracy(40, 50, 50).__class__(0.8, 0.8, 0.8, 50)
    nearly = accuracy(40, 50, 51)
    assert (nearly.low, nearly.high) == pytest.approx((40 / 51, 41 / 51))


def test_large_populations_give_the_binomial_mid_p_interval():
    estimate = accuracy(8, 10, 10**7)
    # 0.5 P(X = 8) + P(X > 8) = 0.025 at the lower bound, by scipy's binomial law.
    low = stats.binom(10, estimate.low)
    assert low.sf(8) + low.pmf(8) / 2 == pytest.approx(0.025, abs=1e-5)
    high = stats.binom(10, estimate.high)
    assert high.cdf(7) + high.pmf(8) / 2 == pytest.approx(0.025, abs=1e-5)


def test_nothing_looked_at_means_nothing_known():
    estimate = accuracy(0, 0, 100)
    assert np.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (0, 1)
    with pytest.raises(ValueError, match="7 correct of 5"):
        accuracy(7, 5, 10)
