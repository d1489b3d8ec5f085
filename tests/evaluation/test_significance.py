import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nofreelunch.evaluation import aulc, significance, wins


@pytest.fixture(scope="module")
def paired(runs):
    return wins.paired_scores(aulc.scores(runs[0], runs[1]))


def test_wilcoxon_by_hand():
    # |d| ranks of 1, 2, 3, 4, −5: W₋ = 5, W₊ = 10. Of 32 sign patterns 10 have a sum ≤ 5, so p = 20 / 32.
    assert significance.wilcoxon(np.array([1.0, 2, 3, 4, -5])) == (5, 0.625)
    assert significance.wilcoxon(np.zeros(4)) == (0, 1)


def test_wilcoxon_drops_zeros():
    moved = np.array([0.3, -0.1, 0.5, 0.25, 0.7, 0.9])
    expected = stats.wilcoxon(moved)
    got = significance.wilcoxon(np.concatenate([moved, np.zeros(3)]))
    assert got[0] == expected.statistic
    assert got[1] == pytest.approx(expected.pvalue, abs=0.02)


def test_effect_sizes_by_hand():
    gaps = np.array([1.0, 2, 3, 4, -5, 0])
    assert significance.rank_biserial(gaps) == pytest.approx(5 / 15)
    assert significance.rank_biserial(np.array([0.1, 0.2])) == 1
    assert significance.rank_biserial(np.zeros(3)) == 0
    assert significance.cohens_dz(np.array([1.0, 2, 3])) == 2
    assert np.isnan(significance.cohens_dz(np.ones(3)))
    assert np.isnan(significance.cohens_dz(np.ones(1)))


def test_holm_by_hand():
    # sorted .01·4, .02·3, .03·2, .6: the third is raised to the second
    assert significance.holm(np.array([0.03, 0.01, 0.6, 0.02])) == pytest.approx([0.06, 0.04, 0.6, 0.06])
    assert significance.holm(np.array([0.5, 0.9])).tolist() == [1, 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_stepping_down_rejects(values):
    p = np.array(values)
    adjusted = significance.holm(p)
    for level in (0.01, 0.05, 0.3):
        rejected = np.zeros(len(p), dtype=bool)
        for step, index in enumerate(np.argsort(p, kind="stable")):
            if p[index] * (len(p) - step) > level:
                break
            rejected[index] = True
        assert ((adjusted <= level) == rejected).all()


def test_pairwise_agrees_with_scipy_per_pair(paired):
    table = significance.pairwise(paired)
    assert len(table) == 5 * 2 * 6
    row = table.query("scope == 'all' and unit == 'seed' and strategy == 'random' and opponent == 'badge'").iloc[0]
    gap = (paired["random"] - paired["badge"]).to_numpy()
    expected = stats.wilcoxon(gap)
    assert row["n"] == 80
    assert (row["statistic"], row["p"]) == (expected.statistic, expected.pvalue)
    assert row["difference"] == pytest.approx(gap.mean())
    assert row["lo"] < row["difference"] < row["hi"] < 0
    block = table.query("scope == 'good' and unit == 'cell'")
    assert block["n"].tolist() == [4] * 6
    assert block["p_holm"].to_numpy() == pytest.approx(significance.holm(block["p"].to_numpy()))


def test_the_cell_unit_tests_cell_means(paired):
    table = significance.pairwise(paired)
    row = table.query("scope == 'all' and unit == 'cell' and strategy == 'margin' and opponent == 'coreset'").iloc[0]
    means = paired.groupby(["dataset", "embedder", "ips"], observed=True).mean()
    expected = stats.wilcoxon(means["margin"] - means["coreset"])
    assert row["n"] == 16
    assert row["p"] == expected.pvalue
    assert row["rank_biserial"] == 1


def test_pairwise_is_reproducible(paired):
    pd.testing.assert_frame_equal(significance.pairwise(paired), significance.pairwise(paired))


def test_friedman_is_that_of_scipy_and_nemenyi_that_of_demsar(paired):
    result = significance.friedman(paired)
    means = paired.groupby(["dataset", "embedder", "ips"], observed=True).mean()
    expected = stats.friedmanchisquare(*means.to_numpy().T)
    assert (result.statistic, result.p) == (expected.statistic, expected.pvalue)
    assert result.cells == 16
    assert sum(result.mean_ranks.values()) == pytest.approx(10)
    # Demšar (2006), table 5: q = 2.569 for four classifiers at α = .05
    assert result.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 16)), abs=1e-3)


def test_friedman_of_too_few_or_equal_strategies_is_unknown(paired):
    assert np.isnan(significance.friedman(paired[["random", "margin"]]).p)
    assert np.isnan(significance.friedman(paired[["random"]]).critical_difference)
    equal = pd.DataFrame(dict.fromkeys("abc", 0.5), index=paired.index)
    result = significance.friedman(equal)
    assert np.isnan(result.p)
    assert result.mean_ranks == {"a": 2, "b": 2, "c": 2}
