import numpy as np
import pytest

from nofreelunch.evaluation import aulc, gains


@pytest.fixture(scope="module")
def scores(runs):
    return aulc.run_areas(runs[0], runs[1])


def test_strategy_gain_is_the_paired_difference_in_area(scores):
    table = gains.strategy_gains(scores)
    row = table.query(
        "metric == 'accuracy' and dataset == 'hard' and embedder == 'best' and ips == 'random' and strategy == 'badge'"
    ).iloc[0]
    part = scores.query("metric == 'accuracy' and dataset == 'hard' and embedder == 'best' and ips == 'random'")
    wide = part.pivot(index="seed", columns="strategy", values="aulc")
    gap = wide["badge"] - wide["random"]
    assert row["n"] == 5
    assert row["mean"] == pytest.approx(gap.mean())
    assert row["lo"] == pytest.approx(gap.mean() - 2.776445 * gap.std() / 5**0.5, rel=1e-5)


def test_the_built_in_gains_come_back(scores):
    table = gains.strategy_gains(scores).query("metric == 'accuracy'")
    means = table.groupby("strategy", observed=True)["mean"].mean()
    grown = 1 - np.exp(-np.arange(7) / 5)
    height = np.trapezoid(grown) / 6
    assert means["margin"] == pytest.approx(0.03 * height, abs=0.002)
    assert means["coreset"] == pytest.approx(-0.03 * height, abs=0.002)
    by_embedder = table[table["strategy"] == "badge"].groupby("embedder", observed=True)["mean"].mean()
    assert by_embedder["best"] - by_embedder["weak"] == pytest.approx(0.04 * height, abs=0.002)


def test_pool_gain_is_the_built_in_one_at_round_0_and_fades(scores):
    table = gains.pool_gains(scores).query("metric == 'accuracy'")
    assert set(table["ips"]) == {"typiclust"}
    means = table.groupby(["embedder", "phase"], observed=True)["mean"].mean().unstack()
    assert means["initial"].to_numpy() == pytest.approx([0.02, 0.04, 0.06, 0.08], abs=0.006)
    assert (np.diff(means[["initial", "early", "middle", "late", "final"]].to_numpy(), axis=1) < 0).all()


def test_pool_gain_averages_strategies_within_a_seed_first(scores):
    row = (
        gains.pool_gains(scores)
        .query("metric == 'macro_f1' and dataset == 'easy' and embedder == 'weak' and phase == 'early'")
        .iloc[0]
    )
    part = scores.query("metric == 'macro_f1' and dataset == 'easy' and embedder == 'weak'")
    wide = part.pivot(index=["strategy", "seed"], columns="ips", values="early")
    seeds = (wide["typiclust"] - wide["random"]).groupby("seed").mean()
    assert row["n"] == 5
    assert row["mean"] == pytest.approx(seeds.mean())
    assert row["hi"] - row["mean"] == pytest.approx(2.776445 * seeds.std() / 5**0.5, rel=1e-5)


def test_without_another_pool_there_is_no_pool_gain(scores):
    only = scores[scores["ips"] == "random"]
    assert gains.pool_gains(only).empty
    assert gains.pool_gains(scores[scores["ips"] == "typiclust"]).empty
