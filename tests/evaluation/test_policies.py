import numpy as np
import pandas as pd
import pytest
import synthetic_runs
from synthetic_runs import Truth

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import arms, policies
from nofreelunch.evaluation.policies import ALL, CONSTANT, FIXED, HINDSIGHT, RECOMMENDED, UNTESTED

BEST = Truth(strategy_gain={"badge": 0.06, "margin": 0.02}, pool_gain={"typiclust": 0.05}, run_noise=0.001)


def made(truth=None, tasks=7, strategies=("random", "margin", "badge"), seeds=2):
    names = [f"d{i}" for i in range(tasks)]
    frame, _, diagnostics, *_ = synthetic_runs.make(
        names, ["weak", "good"], ["random", "typiclust"], list(strategies), seeds, truth, rounds=8
    )
    return arms.evidence(frame, diagnostics)


def test_an_arm_that_is_best_everywhere_is_what_is_recommended():
    table = made(BEST)
    said = policies.advice(table)
    own = said[said["policy"] == RECOMMENDED]
    assert len(own) == 4 * 7 * 2
    assert set(zip(own["ips"], own["strategy"], strict=True)) == {("typiclust", "badge")}
    rows = policies.policies(said).set_index(["policy", "budget"])
    assert set(rows.loc[RECOMMENDED].index) == {"200", "300", "500", "900", ALL}
    assert (rows.loc["always BADGE", "gain"] == 0).all()
    for policy in (RECOMMENDED, UNTESTED, CONSTANT, HINDSIGHT):
        assert rows.loc[(policy, ALL), "gain"] == pytest.approx(rows.loc[("TypiClust, then BADGE", ALL), "gain"])
    assert rows.loc[(RECOMMENDED, ALL), "p"] < 0.001


def test_the_row_of_all_budgets_is_their_mean_task_by_task():
    said = policies.advice(made(Truth(run_noise=0.02)))
    rows = policies.policies(said)
    for policy in (CONSTANT, "always margin", HINDSIGHT):
        own = said[said["policy"] == policy]
        by_task = own.groupby("dataset")["reached"].mean()
        row = rows[(rows["policy"] == policy) & (rows["budget"] == ALL)].iloc[0]
        assert row["gain"] == pytest.approx(by_task.mean())
        # Student's t with 6 degrees of freedom
        assert row["hi"] - row["gain"] == pytest.approx(2.4469 * by_task.std() / np.sqrt(7), rel=1e-4)
        assert row["worst"] == own["reached"].min()


def test_with_six_tasks_none_is_left_out_of_enough_others():
    said = policies.advice(made(BEST, tasks=6))
    assert (said[said["policy"] == RECOMMENDED]["reached"] == 0).all()
    assert (said[said["policy"] == UNTESTED]["reached"] > 0).all()


def test_a_task_has_no_part_in_what_is_said_of_it():
    table = made(Truth(run_noise=0.001))
    odd = (table["dataset"] == "d0") & (table["strategy"] == "margin")
    changed = table.assign(gain=np.where(odd, 9.0, table["gain"]))
    columns = ["dataset", "policy", "ips", "strategy"]
    before, after = (
        said[(said["dataset"] == "d0") & said["policy"].isin([RECOMMENDED, UNTESTED, CONSTANT])][columns]
        for said in (policies.advice(table), policies.advice(changed))
    )
    pd.testing.assert_frame_equal(before, after)


def test_hindsight_has_no_winners_curse():
    rng = generator("test", "hindsight")
    equal = rng.normal(size=(2, 4000, 6))
    assert policies._hindsight(equal).mean() == pytest.approx(0, abs=0.05)
    assert equal.mean(axis=0).max(axis=1).mean() > 0.5
    better = equal + np.array([0, 0, 5.0, 0, 0, 0])
    assert policies._hindsight(better).mean() == pytest.approx(5, abs=0.1)


def test_averages_count_the_cells_in_which_an_arm_is_best():
    table = made(BEST)
    found = policies.averages(table)
    rows = found[found["budget"] == 300].set_index(["ips", "strategy"])
    assert rows["best"].to_dict()[("typiclust", "badge")] == 14
    assert (rows["cells"] == 14).all()
    own = table.query("budget == 300 and ips == 'random' and strategy == 'margin'").groupby("dataset")["gain"].mean()
    row = rows.loc[("random", "margin")]
    assert row["mean"] == pytest.approx(own.mean())
    assert row["hi"] - row["mean"] == pytest.approx(2.4469 * own.std() / np.sqrt(7), rel=1e-4)
    assert rows.loc[("random", "badge"), ["mean", "shrunk"]].tolist() == [0, 0]


def test_small_grids_say_what_they_can():
    said = policies.advice(made(tasks=1))
    assert set(said["policy"]) == {*FIXED, HINDSIGHT}
    rows = policies.policies(said)
    assert rows[["lo", "hi"]].isna().all(axis=None)
    assert HINDSIGHT not in set(policies.advice(made(tasks=2, seeds=1))["policy"])
    assert set(policies.advice(made(strategies=["random", "entropy"]))["policy"]) == {
        *(RECOMMENDED, UNTESTED, CONSTANT, HINDSIGHT),
        "always random",
    }
    nothing = made(strategies=["entropy"])
    for table in (policies.advice(nothing), policies.averages(nothing), policies.policies(policies.advice(nothing))):
        assert table.empty
