from pathlib import Path

import numpy as np
import pytest
import simulated_evidence
import synthetic_runs
from simulated_evidence import ARMS, WORLDS, World, draw
from synthetic_runs import Truth

from nofreelunch.base.randomness import generator
from nofreelunch.cells.diagnostics import LABEL_FREE
from nofreelunch.evaluation import arms, recommendation
from nofreelunch.evaluation.arms import Cells
from nofreelunch.evaluation.recommendation import decide, gained, learn, recommend, shrunk, task_means

DOCS = Path(__file__).parents[2] / "docs" / "recommendation.md"
NULL, WORSE, BY_ONE, BY_TWO, CROSSING = WORLDS


def cells_of(gains, diagnostics=None):
    """One cell per task, with the first arm as the default."""
    gains = np.asarray(gains, dtype=float)
    if diagnostics is None:
        diagnostics = np.zeros((len(gains), len(LABEL_FREE)))
    tasks = np.array([f"t{i}" for i in range(len(gains))])
    names = [("random", f"s{i}") for i in range(gains.shape[1])]
    return Cells(tasks, np.full(len(gains), "e"), names, 0, gains, np.stack([gains, gains]), diagnostics)


def test_shrinkage_by_hand():
    gains = np.array([[0, 1.0, 5.0], [0, 3.0, 3.0]])
    # means 2 and 4, variances over tasks 2 and 2, of the means 1 and 1; centre 3, τ² = 2 − 1 = 1: half-way to 3
    assert shrunk(gains, 0) == pytest.approx([0, 2.5, 3.5])
    # the third arm differs more between tasks: variances of the means 1 and 9, τ² = max(0, 2 − 5) = 0
    assert shrunk(np.array([[0, 1.0, 1.0], [0, 3.0, 7.0]]), 0) == pytest.approx([0, 3, 3])
    # with a wide spread of means the unsure arm is drawn further: τ² = 50 − 5 = 45
    assert shrunk(np.array([[0, 1.0, 9.0], [0, 3.0, 15.0]]), 0) == pytest.approx([0, 7 - 5 * 45 / 46, 7 + 5 * 45 / 54])


def test_shrinkage_knows_what_is_missing():
    gains = np.array([[0, 1.0, np.nan, np.nan], [0, 3.0, 4.0, np.nan]])
    found = shrunk(gains, 0)
    # the third arm has one task and takes the variance of the second, 2: of the means 1 and 2; τ² = 2 − 1.5
    assert found[:3] == pytest.approx([0, 3 - 0.5 / 1.5, 3 + 0.5 / 2.5])
    assert np.isnan(found[3])
    assert shrunk(np.array([[0, 0.2, -0.1]]), 0).tolist() == [0, 0.2, -0.1]
    assert shrunk(np.zeros((4, 1)), 0).tolist() == [0]


def test_the_gain_on_tasks_left_out_is_that_of_the_rule_learned_from_the_others():
    cells, _ = draw(BY_TWO, 7, generator("test", "left out"))
    slow = []
    for task in cells.tasks:
        out = cells.datasets == task
        rule = learn(cells.kept(~out))
        scores = rule.predicted(cells.diagnostics[out])
        slow.append(cells.gains[out][np.arange(out.sum()), scores.argmax(axis=1)].mean())
    assert decide(cells).test.estimate == pytest.approx(np.mean(slow))


def test_no_task_is_judged_by_what_it_taught():
    gains = np.zeros((8, 3))
    gains[:, 1] = 0.01
    gains[0, 2] = 9.0
    cells = cells_of(gains)
    rest, out = next(iter(cells.split()))
    assert out.tasks == ["t0"]
    assert learn(rest).choose(out).tolist() == [1]


@pytest.mark.parametrize("tasks", [1, 2, 5])
def test_below_six_tasks_the_default_stays_whatever_they_say(tasks):
    cells = cells_of(np.tile([0, 0.5, -0.1], (tasks, 1)) + 0.001 * np.arange(tasks)[:, None] * [0, 1, 1])
    decision = decide(cells)
    assert not decision.leaves
    assert decision.choose(cells).tolist() == [0] * tasks
    assert decide(cells_of(np.tile([0, 0.5, -0.1], (6, 1)))).leaves


def test_from_six_tasks_on_only_a_significant_gain_leads_away():
    sure = np.array([1.0, 2, 1, 2, 1, 2]) / 100
    unsure = np.array([9.0, -4, 3, -4, 9, -4]) / 100
    for gains, leaves in ((sure, True), (unsure, False)):
        decision = decide(cells_of(np.column_stack([0 * gains, gains])))
        assert decision.leaves == leaves
        assert (decision.test.p_for < 0.05) == leaves


def test_an_arm_that_a_cell_lacks_is_not_chosen():
    gains = np.tile([0, 0.5, 0.2], (7, 1))
    gains[3, 1] = np.nan
    cells = cells_of(gains)
    chosen = decide(cells).choose(cells)
    assert chosen.tolist() == [1, 1, 1, 2, 1, 1, 1]
    assert np.isfinite(gained(cells, chosen)).all()
    alone = cells_of(np.where(np.arange(7)[:, None] == [[9, 9, 0]], gains, [0, 0.5, np.nan]))
    assert learn(alone.kept(alone.datasets != "t0")).choose(alone).tolist() == [1] * 7


def test_diagnostics_count_where_they_foretell_and_not_where_they_do_not():
    used = [
        [np.isfinite(learn(draw(world, 10, generator("test", "used", i))[0]).penalty) for i in range(20)]
        for world in (CROSSING, NULL)
    ]
    assert np.mean(used, axis=1)[0] > 0.9
    assert np.mean(used, axis=1)[1] < 0.3


def test_beyond_the_cells_learned_from_the_edge_counts_and_what_is_unknown_counts_as_the_mean():
    cells, _ = draw(CROSSING, 10, generator("test", "edge"))
    rule = learn(cells)
    far, edge = (np.full(len(LABEL_FREE), value) for value in (100.0, 0.0))
    edge = cells.diagnostics.max(axis=0)
    assert rule.predicted(far).tolist() == rule.predicted(edge).tolist()
    assert rule.predicted(np.full(len(LABEL_FREE), np.nan)) == pytest.approx(rule.means)
    assert rule.predicted(far)[cells.default] == 0


def test_errors_of_the_ridge_on_tasks_left_out_are_those_of_one_ridge_after_another():
    cells, _ = draw(CROSSING, 5, generator("test", "ridge"))
    cells.gains[0, 3] = np.nan
    z = recommendation.Scale.of(cells.diagnostics)(cells.diagnostics)
    found = recommendation._losses(z, cells)
    for i, task in enumerate(cells.tasks):
        out = cells.datasets == task
        level = np.nanmean(task_means(cells.kept(~out)), axis=0)
        centre = z[~out].mean(axis=0)
        x, y = z[~out] - centre, np.nan_to_num(cells.gains[~out] - level)
        for j, penalty in enumerate(recommendation.PENALTIES):
            slopes = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
            errors = cells.gains[out] - level - (z[out] - centre) @ slopes
            assert found[i, j] == pytest.approx(np.nanmean(errors**2))
        assert found[i, -1] == pytest.approx(np.nanmean((cells.gains[out] - level) ** 2))


@pytest.fixture(scope="module")
def tried():
    return {world: simulated_evidence.tried(world, 8) for world in (NULL, BY_TWO)}


def test_with_useless_diagnostics_it_loses_no_tenth_of_a_point_to_the_default(tried):
    for found in (tried[NULL], simulated_evidence.tried(WORSE, 8, repeats=60)):
        assert found[:, 1].mean() > -0.1


def test_a_better_arm_is_found_given_enough_tasks(tried):
    for found in (tried[BY_TWO], simulated_evidence.tried(CROSSING, 8, repeats=60)):
        left, gain, *_ = found.mean(axis=0)
        assert left > 0.6
        assert gain > 1.2
    assert not simulated_evidence.tried(BY_TWO, 5, repeats=5)[:, :2].any()


def test_the_table_in_the_docs_is_what_the_simulation_gives(tried):
    text = DOCS.read_text(encoding="utf-8")
    for world, found in tried.items():
        assert simulated_evidence.line(simulated_evidence.row(world, 8, found)) in text


def test_a_table_of_runs_becomes_a_recommendation():
    truth = Truth(strategy_gain={"margin": 0.06, "badge": 0.02}, pool_gain={"typiclust": 0.05}, run_noise=0.001)
    names = [f"d{i}" for i in range(7)]
    frame, _, diagnostics, *_ = synthetic_runs.make(
        names, ["weak", "good"], ["random", "typiclust"], ["random", "margin", "badge"], 2, truth, rounds=8
    )
    table = arms.evidence(frame, diagnostics)
    advised = recommend(table, {"hubness": 0.5}, 600)
    assert (advised.default, advised.arm, advised.rival) == (("random", "badge"), *[("typiclust", "margin")] * 2)
    assert advised.tasks == names
    first = advised.arms.iloc[0]
    assert (first["ips"], first["strategy"]) == advised.arm
    # the rule takes the same arm for every task, so that what it reaches left out is that arm's mean
    assert advised.decision.test.estimate == pytest.approx(first["mean"])
    assert advised.constant.estimate == pytest.approx(first["mean"])
    few = recommend(table[table["dataset"].isin(names[:5])], {}, 600)
    assert (few.arm, few.rival) == (("random", "badge"), ("typiclust", "margin"))
    assert np.isnan(recommend(table[table["dataset"] == "d0"], {}, 600).decision.test.estimate)


def test_task_means_average_embedders_first():
    cells, _ = draw(World("plain"), 3, generator("test", "means"))
    assert task_means(cells)[1] == pytest.approx(cells.gains[cells.datasets == "t1"].mean(axis=0))
    assert len(ARMS) == task_means(cells).shape[1]
    assert recommendation.average(cells)["n"].tolist() == [3] * len(ARMS)
