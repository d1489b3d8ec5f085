import numpy as np
import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.labelling.simulate import BASELINE, Plan, Replay, World, replay, run, simulate
from nofreelunch.selection.contract import blobs

PLAN = Plan(batch=20, audit=5, reserve=0.2, most=120, head=LogisticSpec(C=100.0))
FEATURES, LABELS = blobs(300, 12, 4, spread=1.2)


@pytest.fixture(scope="module")
def world():
    return World.of("blobs", FEATURES, LABELS, 4, 0, PLAN)


def test_the_audit_takes_its_share_in_order_and_the_strategy_never_touches_the_reserve(world):
    curves, _ = replay(world, [("typiclust", "margin"), ("random", "badge")], PLAN)
    reserve = world.queue[: world.reserved]
    assert world.reserved == 40
    for curve in curves:
        batches = curve.acquired.reshape(-1, 20)
        audits = [batch[np.isin(batch, reserve)] for batch in batches]
        assert [len(rows) for rows in audits] == [5] * len(batches)
        assert np.concatenate(audits).tolist() == reserve[: 5 * len(batches)].tolist()
        assert len(np.unique(curve.acquired)) == curve.acquired.size


def test_answers_in_the_reserve_change_nothing_that_is_chosen(world):
    reserve = world.queue[: world.reserved]
    other = world.labels.copy()
    other[reserve] = (other[reserve] + 1) % 4
    there = World(world.cell, other, world.queue, world.reserved, world.seed)
    first, second = (replay(one, [("random", "margin")], PLAN)[0][0].acquired for one in (world, there))
    assert first.tolist() == second.tolist()


def test_an_exhausted_reserve_gives_way_to_the_strategy_and_the_other_way_round(world):
    small = World(world.cell, world.labels, world.queue, 7, world.seed)
    everything = Plan(batch=20, audit=5, reserve=0.1, most=10**6, head=PLAN.head)
    curves, _ = replay(small, [("random", "margin")], everything)
    assert sorted(curves[0].acquired) == list(range(200))
    large = World(world.cell, world.labels, world.queue, 150, world.seed)
    assert sorted(replay(large, [("random", "margin")], everything)[0][0].acquired) == list(range(200))


def test_random_rows_have_no_audit_and_all_runs_start_with_one_batch(world):
    plain, arm = run(world, BASELINE, PLAN), run(world, ("random", "badge"), PLAN)
    assert len(plain.initial) == len(arm.initial) == 20
    assert arm.initial[:5].tolist() == world.queue[:5].tolist()


def test_labels_needed_and_hours_saved_worked_out_by_hand():
    accuracy = np.array([[[0.5, 0.6, 0.7, 0.8]] * 2, [[0.5, 0.78, 0.8, 0.8]] * 2, [[0.5] * 4] * 2])
    arms = (BASELINE, ("random", "badge"), ("random", "margin"))
    found = Replay(arms, np.array([50, 100, 150, 200]), accuracy, np.full(2, 0.8), np.full(2, 0.5))
    # The goal: 0.5 + 0.9 · 0.3 = 0.77.
    assert found.needed().tolist() == [[200, 200], [100, 100], [np.inf, np.inf]]
    assert found.table(36)[1] == [
        ["random then random", "200", "+0", "+0.0"],
        ["random then badge", "100", "+100", "+1.0"],
        ["random then margin", "over 200", "–", "–"],
    ]


def test_simulate_is_reproducible_and_its_random_rows_do_not_depend_on_the_other_arms():
    one = simulate("file", FEATURES, LABELS, 4, [("random", "margin")], PLAN, seeds=2)
    two = simulate("file", FEATURES, LABELS, 4, [("random", "badge"), ("random", "margin")], PLAN, seeds=2)
    assert one.arms[0] == BASELINE
    assert one.accuracy[[0, 1]].tolist() == two.accuracy[[0, 2]].tolist()
    assert (one.full > one.chance + 0.3).all()


def test_bad_requests_are_refused_with_the_cure():
    with pytest.raises(UserError, match="Did you mean 'margin'"):
        simulate("file", FEATURES, LABELS, 4, [("random", "margins")], PLAN)
    with pytest.raises(UserError, match="unknown start"):
        simulate("file", FEATURES, LABELS, 4, [("first", "margin")], PLAN)
    with pytest.raises(UserError, match="unknown strategy 'oracle'"):
        simulate("file", FEATURES, LABELS, 4, [("random", "oracle")], PLAN)
    with pytest.raises(UserError, match="Label more"):
        simulate("file", FEATURES[:45], LABELS[:45], 4, [("random", "margin")], PLAN)
