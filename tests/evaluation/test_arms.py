import numpy as np
import pandas as pd
import pytest
import synthetic_runs
from synthetic_runs import Truth

from nofreelunch.base.errors import UserError
from nofreelunch.cells.diagnostics import LABEL_FREE
from nofreelunch.evaluation import arms

TASKS = ["d0", "d1", "d2"]


def made(truth=None, datasets=TASKS, pools=("random", "typiclust"), strategies=("random", "margin", "badge"), seeds=3):
    frame, _, diagnostics, *_ = synthetic_runs.make(
        datasets, ["a", "b"], list(pools), list(strategies), seeds, truth, rounds=8
    )
    return arms.evidence(frame, diagnostics)


def curves(default, margin):
    """Runs of one cell: (seeds, R) accuracies of BADGE and of margin after a random pool, 10 labels a round."""
    rows = [
        ("d", "e", "random", strategy, seed, number, 10 * (number + 1), value)
        for strategy, runs in {"badge": default, "margin": margin}.items()
        for seed, curve in enumerate(runs)
        for number, value in enumerate(curve)
    ]
    columns = ["dataset", "embedder", "ips", "strategy", "seed", "round", "labels", "accuracy"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(["dataset", "embedder", "ips", "strategy"], "category"))


def diagnostics():
    return pd.DataFrame({"dataset": "d", "embedder": "e", "measure": LABEL_FREE, "value": [1.0, 2.0, 3.0, np.nan, 5.0]})


def test_gains_are_paired_by_seed_and_averaged_up_to_the_budget():
    frame = curves([[0.1, 0.2, 0.3], [0.2, 0.2, 0.2]], [[0.1, 0.4, 0.5], [0.2, 0.2, 0.4]])
    table = arms.evidence(frame, diagnostics())
    assert list(table.columns) == arms.COLUMNS
    assert (table.query("default")[["gain", "se", "gain_even", "gain_odd"]] == 0).all(axis=None)
    rows = table.query("strategy == 'margin'").set_index("budget")
    # margin − badge, seed by seed: 0, .2, .2 and 0, 0, .2. Up to 20 labels .1 and 0, up to 30 .15 and .05.
    assert rows["gain"].to_dict() == pytest.approx({20: 0.05, 30: 0.1})
    assert rows["se"].to_dict() == pytest.approx({20: 0.05, 30: 0.05})
    assert rows["gain_even"].to_dict() == pytest.approx({20: 0.1, 30: 0.15})
    assert rows["gain_odd"].to_dict() == pytest.approx({20: 0.0, 30: 0.05})
    assert rows.loc[30, LABEL_FREE].tolist()[:3] == [1.0, 2.0, 3.0]
    assert np.isnan(rows.loc[30, LABEL_FREE[3]])


def test_budgets_are_the_labels_after_an_eighth_a_quarter_half_and_all_rounds():
    assert arms.told_rounds(15) == [2, 4, 8, 15]
    assert arms.told_rounds(1) == [1]
    assert arms.told_rounds(0) == [0]


def test_one_seed_has_gains_but_no_error_and_no_halves():
    table = made(seeds=1)
    assert table["gain"].notna().all()
    assert table[["se", "gain_even", "gain_odd"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("pools", "strategies", "default"),
    [
        (["typiclust", "random"], ["random", "badge"], ("random", "badge")),
        (["random"], ["entropy", "margin"], ("random", "margin")),
        (["typiclust"], ["random", "margin", "badge"], ("typiclust", "badge")),
    ],
)
def test_the_default_is_fixed_whatever_the_runs_say(pools, strategies, default):
    truth = Truth(strategy_gain={"entropy": 0.1, "random": 0.1}, pool_gain={"typiclust": 0.2})
    assert arms.default_of(made(truth, pools=pools, strategies=strategies)) == default


def test_a_grid_with_no_default_has_no_evidence():
    table = made(strategies=["entropy"])
    assert table.empty
    assert list(table.columns) == arms.COLUMNS


def test_between_budgets_gains_lie_on_their_line_and_beyond_them_the_nearest_counts_for_a_while():
    table = made(Truth(strategy_gain={"margin": 0.05}))
    assert arms.budgets(table) == [200, 300, 500, 900]
    at = {budget: arms.at_budget(table, budget).gains for budget in (100, 200, 300, 500, 600, 900, 1800)}
    assert at[600] == pytest.approx(0.75 * at[500] + 0.25 * at[900])
    assert at[100].tolist() == at[200].tolist()
    assert at[1800].tolist() == at[900].tolist()
    own = table.query("budget == 300 and dataset == 'd1' and embedder == 'b' and strategy == 'margin'")
    cells = arms.at_budget(table, 300)
    row = (cells.datasets == "d1") & (cells.embedders == "b")
    assert (
        cells.gains[row, cells.arms.index(("typiclust", "margin"))][0]
        == own.query("ips == 'typiclust'")["gain"].iloc[0]
    )
    for budget in (99, 1801):
        with pytest.raises(UserError, match="those at hand go from 200 to 900"):
            arms.at_budget(table, budget)


def test_tasks_with_budgets_of_their_own_speak_of_those_near_theirs():
    small = made(datasets=["small"]).assign(budget=lambda table: table["budget"] // 20)
    table = pd.concat([made(), small], ignore_index=True)
    assert arms.budgets(table) == [200, 300, 500, 900]
    assert arms.at_budget(table, 25).tasks == ["small"]
    assert arms.at_budget(table, 80).tasks == ["small"]
    assert arms.at_budget(table, 300).tasks == TASKS


def test_two_evidences_are_one_and_a_task_of_both_counts_as_found_here():
    own, study = made(Truth(name="own"), ["d0", "new"]), made(Truth(name="study"))
    table = arms.joined(own, study)
    assert list(table["dataset"].unique()) == ["d0", "new", "d1", "d2"]
    pd.testing.assert_frame_equal(table[table["dataset"] == "d0"], own[own["dataset"] == "d0"])
    assert arms.joined(own.iloc[:0], study).equals(study)
    assert arms.joined(own, own).equals(own)


def test_evidences_over_different_defaults_are_put_over_one_that_both_have():
    own, study = made(datasets=["own"], strategies=["margin", "random"]), made()
    table = arms.joined(own, study)
    assert arms.default_of(table) == ("random", "margin")
    assert (table.query("default")["gain"] == 0).all()
    keys = ["dataset", "embedder", "budget", "ips", "strategy"]
    before, after = (part.set_index(keys)["gain"] for part in (study, table))
    some = ("d1", "a", 500, "typiclust", "badge")
    assert after[some] == pytest.approx(before[some] - before["d1", "a", 500, "random", "margin"])
    assert arms.at_budget(table, 500).gains.shape == (8, 6)
    assert np.isnan(arms.at_budget(table, 500).gains).sum() == 2 * 2
