import numpy as np
import pandas as pd
import pytest
import synthetic_runs
from synthetic_runs import Truth

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import recommendation

DATASETS = [f"d{i}" for i in range(6)]
EMBEDDERS = ["weak", "fair", "good", "best"]


def made(truth, datasets=DATASETS, pools=("random", "typiclust"), strategies=("random", "margin", "badge")):
    frame, _, diagnostics, *_ = synthetic_runs.make(
        datasets, EMBEDDERS, list(pools), list(strategies), 2, truth, rounds=6
    )
    return diagnostics, recommendation.arm_gains(frame)


def crossing(cells=4):
    """Gains of two arms that cross where the diagnostic is 0, and a third that gains nothing."""
    index = pd.MultiIndex.from_product([DATASETS, range(cells)], names=["dataset", "embedder"])
    x = generator("test", "crossing").normal(size=len(index))
    columns = pd.MultiIndex.from_tuples([("random", "random"), ("random", "margin"), ("random", "badge")])
    gains = pd.DataFrame(np.column_stack([0 * x, 0.02 + 0.03 * x, 0.02 - 0.03 * x]), index, columns)
    return pd.DataFrame({"hubness": x}, index), gains


def test_gains_up_to_a_budget_by_hand():
    rows = [
        ("d", "e", ips, strategy, seed, number, 10 * (number + 1), value)
        for (ips, strategy), curve in {
            ("random", "random"): [0.1, 0.3, 0.5, 0.7],
            ("random", "margin"): [0.1, 0.5, 0.7, 0.7],
        }.items()
        for seed in (0, 1)
        for number, value in enumerate(curve)
    ]
    frame = pd.DataFrame(
        rows, columns=["dataset", "embedder", "ips", "strategy", "seed", "round", "labels", "accuracy"]
    )
    frame = frame.astype(dict.fromkeys(["dataset", "embedder", "ips", "strategy"], "category"))
    frame = frame.sort_values(["dataset", "embedder", "ips", "strategy", "seed", "round"], ignore_index=True)
    table = recommendation.arm_gains(frame).query("strategy == 'margin'").set_index("budget")["gain"]
    # areas of margin − random: after one round (0 + 0.2)/2, after two (0.1 + 0.2)/2, after three (0.1 + 0.2 + 0.1)/3
    assert table.to_dict() == pytest.approx({20: 0.1, 30: 0.15, 40: 0.4 / 3})


def test_defaults_are_means_over_datasets_and_count_the_cells_in_which_an_arm_is_best():
    rows = [("d", "a", 0.0, 0.1), ("d", "b", 0.0, 0.3), ("f", "a", 0.0, -0.1), ("f", "b", 0.0, 0.0)]
    gains = pd.DataFrame(
        [(d, e, 9, "random", s, g) for d, e, *both in rows for s, g in zip(("random", "margin"), both, strict=True)],
        columns=["dataset", "embedder", "budget", "ips", "strategy", "gain"],
    )
    row = recommendation.defaults(gains).set_index("strategy").loc["margin"]
    # means of d and f: 0.2 and −0.05; half width t₁ · s / √2 = 12.706 · 0.1768 / 1.414
    assert row["mean"] == pytest.approx(0.075)
    assert row["hi"] - row["mean"] == pytest.approx(12.706 * 0.125, rel=1e-3)
    assert (row["best"], row["cells"], row["n"]) == (3, 4, 2)


def test_where_the_best_arm_depends_on_a_diagnostic_the_rule_finds_out():
    measures, gains = crossing()
    rule = recommendation.learn(measures, gains)
    assert np.isfinite(rule.penalty)
    for value, best in ((1.5, "margin"), (-1.5, "badge")):
        table = recommendation.advise(rule, np.array([value]))
        assert table.loc[0, "strategy"] == best
        assert table.loc[0, "gain"] == pytest.approx(0.065, abs=0.01)
        assert table.loc[0, "lo"] < 0.065 < table.loc[0, "hi"]


def test_beyond_the_cells_learned_from_the_rule_goes_no_further_and_what_is_unknown_counts_as_the_mean():
    measures, gains = crossing()
    rule = recommendation.learn(measures, gains)
    edge = measures["hubness"].max()
    assert rule.gains(np.array([100.0])).tolist() == rule.gains(np.array([edge])).tolist()
    assert rule.gains(np.array([np.nan])) == pytest.approx(gains.mean().to_numpy())


def test_diagnostics_that_say_nothing_are_not_used():
    measures, gains = crossing()
    noise = measures.assign(hubness=generator("test", "noise").normal(size=len(measures)))
    used = [
        np.isfinite(recommendation.learn(noise.sample(frac=1, random_state=i).set_axis(gains.index), gains).penalty)
        for i in range(20)
    ]
    assert np.mean(used) < 0.5
    rule = recommendation.learn(measures[:4], gains[:4])
    assert (rule.tasks, rule.penalty) == (1, np.inf)
    assert recommendation.advise(rule, np.array([0.0]))["lo"].isna().all()


def test_the_interval_holds_a_new_task_about_as_often_as_it_says():
    inside = []
    for draw in range(60):
        rng = generator("test", "coverage", draw)
        effects = 0.02 + 0.01 * rng.normal(size=(7, 1)) + 0.002 * rng.normal(size=(7, 4))
        index = pd.MultiIndex.from_product([[*DATASETS, "new"], range(4)], names=["dataset", "embedder"])
        columns = pd.MultiIndex.from_tuples([("random", "margin")])
        gains = pd.DataFrame(effects.reshape(-1, 1), index, columns)
        measures = pd.DataFrame({"hubness": rng.normal(size=len(index))}, index)
        row = recommendation.advise(recommendation.learn(measures[:-4], gains[:-4]), measures.to_numpy()[-1]).iloc[0]
        inside.append(row["lo"] <= effects[-1, -1] <= row["hi"])
    assert 0.85 <= np.mean(inside) <= 1.0


def test_an_arm_that_is_best_everywhere_has_no_regret_and_is_what_the_rule_says():
    truth = Truth(strategy_gain={"badge": 0.06, "margin": 0.02}, pool_gain={"typiclust": 0.05}, run_noise=0.001)
    diagnostics, gains = made(truth)
    table = recommendation.policies(diagnostics, gains).set_index(["budget", "policy"])
    assert sorted(table.index.unique("budget")) == [300, 500, 700]
    for budget in (300, 500, 700):
        assert table.loc[(budget, recommendation.HINDSIGHT), "regret"] == 0
        assert table.loc[(budget, recommendation.LEARNED), "regret"] < 0.002
        assert table.loc[(budget, "always BADGE"), "regret"] > 0.005
        assert table.loc[(budget, "always random"), "gain"] == 0
    said = recommendation.advice(diagnostics, gains)
    assert len(said) == 3 * len(DATASETS) * len(EMBEDDERS)
    assert set(zip(said["ips"], said["strategy"], strict=True)) == {("typiclust", "badge")}
    assert said["regret"].max() < 0.01


def test_regret_is_judged_on_tasks_that_were_not_learned_from():
    diagnostics, gains = made(Truth(run_noise=0.001))
    odd = gains.assign(gain=np.where((gains["dataset"] == "d0") & (gains["strategy"] == "margin"), 9.0, gains["gain"]))
    said = recommendation.advice(diagnostics, odd).query("dataset == 'd0'")
    assert (said["gain"].abs() < 1).all()
    assert (said["best"] == 9).all()


def test_small_grids_say_what_they_can():
    diagnostics, gains = made(Truth(), datasets=["only"])
    assert recommendation.advice(diagnostics, gains).empty
    table = recommendation.policies(diagnostics, gains)
    assert set(table["policy"]) == {*recommendation.FIXED, recommendation.HINDSIGHT}
    assert table["hi"].isna().all()
    diagnostics, gains = made(Truth(), pools=["typiclust"])
    assert gains.empty
    assert recommendation.policies(diagnostics, gains).empty
    assert recommendation.defaults(gains).empty


def test_without_margin_and_badge_their_policies_are_left_out():
    diagnostics, gains = made(Truth(), strategies=["random", "entropy"])
    assert set(recommendation.policies(diagnostics, gains)["policy"]) == {
        recommendation.LEARNED,
        recommendation.LEARNED_WITH_LABELS,
        recommendation.HINDSIGHT,
        "always random",
    }
