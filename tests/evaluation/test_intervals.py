import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import intervals


def test_mean_interval_of_three_values_by_hand():
    # 1, 2, 3: mean 2, s = 1, t(2, .975) = 4.302653, half width 4.302653 / √3 = 2.484138
    table = intervals.mean_interval(pd.DataFrame({"g": ["a"] * 3 + ["b"], "v": [1.0, 2, 3, 7]}), ["g"], "v")
    row = table.iloc[0]
    assert (row["n"], row["mean"]) == (3, 2)
    assert row["lo"] == pytest.approx(2 - 2.484138, abs=1e-6)
    assert row["hi"] == pytest.approx(2 + 2.484138, abs=1e-6)
    assert table.iloc[1][["n", "mean"]].tolist() == [1, 7]
    assert table.iloc[1][["lo", "hi"]].isna().all()


def test_mean_interval_is_that_of_scipy():
    values = generator("test", "interval").normal(size=12)
    row = intervals.mean_interval(pd.DataFrame({"g": 0, "v": values}), ["g"], "v").iloc[0]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (row["lo"], row["hi"]) == pytest.approx((expected.low, expected.high))


def test_paired_difference_matches_on_all_other_keys():
    frame = pd.DataFrame(
        {"s": ["random", "random", "x", "x", "y"], "seed": [0, 1, 1, 0, 1], "v": [1.0, 10.0, 12.0, 1.5, 7.0]}
    )
    gap = intervals.paired_difference(frame, "s", "random", ["s", "seed"], ["v"]).set_index(["s", "seed"])["v"]
    assert gap.to_dict() == {("x", 0): 0.5, ("x", 1): 2.0, ("y", 1): -3.0}


def test_resamples_draw_every_unit_equally_and_keep_the_size():
    counts = intervals.resamples(5, 4000, generator("test", "resamples"))
    assert (counts.sum(axis=1) == 5).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(5), abs=0.08)


def test_bootstrap_interval_needs_half_of_the_draws():
    assert intervals.bootstrap_interval(np.linspace(0, 100, 101)) == pytest.approx((2.5, 97.5))
    assert np.isnan(intervals.bootstrap_interval(np.array([1.0, np.nan, np.nan]))).all()


def test_the_bootstrap_interval_of_a_mean_covers_nearly_as_often_as_it_says():
    rng = generator("test", "coverage")
    counts = intervals.resamples(40, 1000, rng)
    bounds = [intervals.bootstrap_interval(counts @ rng.normal(0.3, 1, size=40) / 40) for _ in range(1000)]
    assert 0.91 < np.mean([lo <= 0.3 <= hi for lo, hi in bounds]) < 0.97
