import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import claim_test


def wide(values):
    return pd.DataFrame(values, columns=list("abcdefgh")[: np.shape(values)[1]])


def test_over_datasets_is_the_t_test():
    values = pd.Series([0.1, 0.3, -0.05, 0.2])
    part = claim_test.over_datasets("gain", values)
    expected = stats.ttest_1samp(values, 0, alternative="greater")
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert part.p_for == pytest.approx(expected.pvalue)
    assert part.p_against == pytest.approx(1 - expected.pvalue)
    assert (part.lo, part.hi) == pytest.approx((interval.low, interval.high))
    assert (part.n, part.unit, part.caveat) == (4, "datasets", "")


def test_over_datasets_of_few_or_equal_values():
    one = claim_test.over_datasets("gain", pd.Series([0.4]))
    assert (one.p_for, one.p_against) == (1, 1)
    assert "one dataset" in one.caveat
    none = claim_test.over_datasets("gain", pd.Series([], dtype=float))
    assert np.isnan(none.estimate)
    assert (none.n, none.p_for, none.p_against, none.smallest) == (0, 1, 1, 1)
    assert "no dataset" in none.caveat
    assert claim_test.over_datasets("gain", pd.Series([0.4, 0.4])).p_for == 0
    assert claim_test.over_datasets("gain", pd.Series([0.0, 0.0])).p_for == 1
    assert "only 2" in claim_test.over_datasets("gain", pd.Series([0.4, 0.4])).caveat


def test_grows_with_counts_the_orders_that_are_as_extreme():
    quality = wide([[1.0, 2, 3, 4], [2, 4, 6, 8]])
    part = claim_test.grows_with("rho", quality, {"": quality**2})
    assert (part.estimate, part.p_for, part.p_against) == (1, 1 / 24, 1)
    assert "no two-sided p is below 0.083" in part.caveat
    part = claim_test.grows_with("rho", quality, {"": -quality})
    assert (part.estimate, part.p_for, part.p_against) == (-1, 1, 1 / 24)


def test_all_outcomes_must_grow_and_one_that_falls_speaks_against():
    quality = wide(np.tile(np.arange(5.0), (3, 1)))
    part = claim_test.grows_with("rho", quality, {"up": quality, "also up": quality + 1})
    assert (part.p_for, part.p_against) == (1 / 120, 1)
    part = claim_test.grows_with("rho", quality, {"up": quality, "down": -quality})
    assert (part.quantity, part.estimate, part.p_for) == ("rho: smallest down", -1, 1)
    # Either outcome of an order may be the smallest: both the identity and the full reversal reach -1.
    assert part.p_against == 2 / 120


def test_grows_with_permutes_embedders_in_all_datasets_together():
    # Embedders whose outcome has nothing to do with quality, but is the same in all 30 datasets.
    rng = generator("test", "together")
    p = []
    for _ in range(100):
        quality = wide(np.tile(np.arange(5.0), (30, 1)))
        outcome = wide(rng.normal(size=5) + 0.01 * rng.normal(size=(30, 5)))
        p.append(claim_test.grows_with("rho", quality, {"": outcome}).p_for)
    assert np.mean(np.array(p) <= 0.05) < 0.1


def test_grows_with_is_uniform_under_chance_for_many_embedders():
    rng = generator("test", "many")
    pairs = [(wide(rng.normal(size=(2, 8))), wide(rng.normal(size=(2, 8)))) for _ in range(60)]
    p = [claim_test.grows_with("rho", quality, {"": outcome}).p_for for quality, outcome in pairs]
    assert 0.35 < np.mean(p) < 0.65


def test_three_embedders_are_too_few():
    part = claim_test.grows_with("rho", wide(np.ones((2, 3))), {"": wide(np.ones((2, 3)))})
    assert (part.p_for, part.p_against) == (1, 1)
    assert "only 3 embedder" in part.caveat


def test_jackknife_of_a_mean_is_the_t_test_of_the_means():
    cells = pd.DataFrame({"dataset": list("aabbcc"), "v": [1.0, 2, 3, 5, -1, 4]})
    part = claim_test.jackknifed("mean", cells, lambda part: float(part["v"].mean()))
    expected = claim_test.over_datasets("mean", cells.groupby("dataset")["v"].mean())
    assert part.p_for == pytest.approx(expected.p_for)
    assert (part.lo, part.hi) == pytest.approx((expected.lo, expected.hi))


def test_all_of_takes_the_weakest_for_and_corrects_against():
    parts = [claim_test.Part("q", 0, 0, 0, p, 1 - p, 3, "datasets") for p in (0.01, 0.2, 0.7)]
    assert claim_test.all_of(parts) == pytest.approx((0.7, 0.9))
