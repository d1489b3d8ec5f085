from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic_runs import NO_CLONES

from nofreelunch.evaluation import aulc, significance, wins


@pytest.fixture(scope="module")
def paired(runs):
    return wins.paired_scores(aulc.run_areas(runs[0], runs[1]))


def test_sign_flip_by_hand():
    # Of 16 sign patterns of 1, 2, 3, −4 (sum 2): |sum| ≥ 2 for 10, 8, 6, 4, 4, 2, 2 and their negatives.
    assert significance.sign_flip(np.array([1.0, 2, 3, -4])) == 14 / 16
    assert significance.sign_flip(np.array([1.0, 2, 3, 4])) == 2 / 16 == significance.smallest_sign_flip(4)
    assert significance.sign_flip(np.zeros(4)) == 1
    assert significance.smallest_sign_flip(20) == 1 / 20_000


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8))
def test_sign_flip_counts_all_signs(values):
    effects = np.round(np.array(values), 3)
    assert significance.sign_flip(effects) == pytest.approx(_share_of_signs(effects))


def _share_of_signs(effects):
    sums = [abs(np.dot(signs, effects)) for signs in product((1, -1), repeat=len(effects))]
    return np.mean(np.array(sums) >= abs(effects.sum()) - 1e-9)


def test_t_test_is_scipys():
    effects = np.array([0.1, 0.3, -0.05, 0.2])
    expected = stats.ttest_1samp(effects, 0)
    interval = expected.confidence_interval()
    assert significance.t_test(effects) == pytest.approx((expected.pvalue, interval.low, interval.high))
    assert significance.t_test(np.ones(3))[0] == 0
    assert significance.t_test(np.zeros(3))[0] == 1
    assert significance.t_test(np.ones(1))[0] == 1


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


def by_task(paired):
    return paired.groupby(["dataset", "embedder"], observed=True).mean().groupby("dataset", observed=True).mean()


def test_pairs_are_tested_over_tasks(paired):
    table = significance.pairwise(paired, NO_CLONES)
    assert len(table) == 5 * 6
    row = table.query("scope == 'all' and strategy == 'random' and opponent == 'badge'").iloc[0]
    gap = (by_task(paired)["random"] - by_task(paired)["badge"]).to_numpy()
    assert row["tasks"] == 2
    assert row["p"] == pytest.approx(stats.ttest_1samp(gap, 0).pvalue)
    assert row["difference"] == pytest.approx(gap.mean())
    assert row["lo"] < row["difference"] < row["hi"]
    assert row["smallest"] == 0.5
    block = table.query("scope == 'good'")
    assert set(block["family"]) == {"which strategies differ with good"}
    assert block["p_holm"].to_numpy() == pytest.approx(significance.holm(block["p"].to_numpy()))


def test_more_seeds_and_embedders_of_the_same_tasks_make_no_difference_surer(paired):
    once = significance.pairwise(paired, NO_CLONES).query("scope == 'all'")
    parts = [paired, paired.rename(index=lambda seed: seed + 5, level="seed")]
    renamed = [part.rename(index=lambda name, k=k: f"{name}{k}", level="embedder") for k in (0, 1) for part in parts]
    twice = significance.pairwise(pd.concat(renamed), NO_CLONES).query("scope == 'all'")
    assert twice["p"].to_numpy() == pytest.approx(once["p"].to_numpy())


def test_clones_everywhere_stand_there_once_and_clones_somewhere_tie(paired):
    cells = paired.index.droplevel("seed").unique().to_frame(index=False).astype(str)
    everywhere = cells.assign(strategy="badge", clone_of="margin")
    assert set(significance.pairwise(paired, everywhere)["opponent"]) == {"margin", "coreset"}
    assert "badge" not in significance.friedman(paired, everywhere).mean_ranks
    somewhere = everywhere[everywhere["dataset"] == "easy"]
    merged = significance.merged(paired, somewhere)
    assert (merged.loc["easy", "badge"] == merged.loc["easy", "margin"]).all()
    assert (merged.loc["hard", "badge"] == paired.loc["hard", "badge"]).all()


def test_friedman_is_that_of_scipy_and_nemenyi_that_of_demsar(paired):
    many = pd.concat([paired.rename(index=lambda name, k=k: f"{name}{k}", level="dataset") for k in range(3)])
    result = significance.friedman(many, NO_CLONES)
    expected = stats.friedmanchisquare(*by_task(many).to_numpy().T)
    assert result.statistic == pytest.approx(expected.statistic)
    assert result.p < 0.01
    assert result.tasks == 6
    assert sum(result.mean_ranks.values()) == pytest.approx(10)
    # Demšar (2006), table 5: q = 2.569 for four classifiers at α = .05
    assert result.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 6)), abs=1e-3)
    two = significance.friedman(paired, NO_CLONES)
    assert two.critical_difference > two.largest == 3


def test_friedmans_p_by_permutation_is_the_exact_one():
    # Three strategies ranked alike on two tasks: of the 6 orders of the second task one is as extreme.
    index = pd.MultiIndex.from_product(
        [["a", "b"], ["e"], ["random"], [0]], names=["dataset", "embedder", "ips", "seed"]
    )
    table = pd.DataFrame({"x": [0.3, 0.6], "y": [0.2, 0.5], "z": [0.1, 0.4]}, index=index)
    assert significance.friedman(table, NO_CLONES).p == pytest.approx(1 / 6, abs=0.02)


def test_friedman_of_too_few_or_equal_strategies_is_unknown(paired):
    assert np.isnan(significance.friedman(paired[["random", "margin"]], NO_CLONES).p)
    assert np.isnan(significance.friedman(paired[["random"]], NO_CLONES).critical_difference)
    equal = pd.DataFrame(dict.fromkeys("abc", 0.5), index=paired.index)
    result = significance.friedman(equal, NO_CLONES)
    assert np.isnan(result.p)
    assert result.mean_ranks == {"a": 2, "b": 2, "c": 2}
