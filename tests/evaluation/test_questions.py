"""Transfer, crossing, layers, implementation and noise, from tables in which the answer is built in."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.evaluation import questions

TASKS = [f"task{i}" for i in range(8)]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_the_change_point_is_the_best_of_all(ahead):
    values = np.array(ahead, float)
    worth = [values[r:].sum() - values[:r].sum() for r in range(len(values) + 1)]
    assert questions.change_point(values) == int(np.argmax(worth))


def test_the_change_point_by_hand():
    assert questions.change_point(np.array([-2.0, -1.0, 1.0, -0.5, 3.0])) == 2
    assert questions.change_point(np.array([1.0, 1.0])) == 0
    assert questions.change_point(np.array([-1.0, -1.0])) == 2


def test_tasks_are_the_units_however_many_rows_each_has():
    table = pd.DataFrame({"dataset": ["a", "a", "a", "b"], "name": ["x"] * 4, "gain": [1.0, 1.0, 1.0, 3.0]})
    row = questions.over_tasks(table, ["name"], "gain").iloc[0]
    assert (row["tasks"], row["mean"]) == (2, 2.0)
    # t with one degree of freedom: 12.706 · 1.4142 / √2 around 2.
    assert row["hi"] == pytest.approx(2 + 12.7062, abs=1e-3)


def transfers(rng, kept):
    """A strategy that gains .1 where the learner chooses, and ``kept`` of it where the other embedder does."""
    rows = []
    for dataset, chooser, learner, seed, labels in itertools.product(TASKS, "AB", "AB", range(3), (10, 20)):
        base = 0.5 + rng.normal(0, 0.02)
        gain = 0.1 * (1 if chooser == learner else kept) + rng.normal(0, 0.002)
        rows += [
            (dataset, chooser, learner, "random", seed, labels, base),
            (dataset, chooser, learner, "margin", seed, labels, base + gain),
        ]
    return pd.DataFrame(rows, columns=list(questions.TRANSFER))


@pytest.mark.parametrize("kept", [1.0, 0.4, 0.0])
def test_transfer_finds_what_is_kept(kept):
    found = questions.transfer(transfers(np.random.default_rng(0), kept)).set_index(["chooser", "learner"])
    assert found.loc[("A", "A"), "lost"] == 0
    across = found.loc[("A", "B")]
    assert across["own"] == pytest.approx(0.1, abs=0.003)
    assert across["mean"] == pytest.approx(0.1 * kept, abs=0.003)
    assert across["lost_lo"] <= 0.1 * (1 - kept) <= across["lost_hi"]


def curves(turn):
    """Two strategies of which margin leads from round ``turn[embedder]`` on; random besides."""
    rows = []
    for dataset, (embedder, at), seed, number in itertools.product(TASKS, turn.items(), range(2), range(11)):
        lead = (0.05 if number >= at else -0.05) * (number > 0)
        for strategy, accuracy in (("random", 0.4), ("typiclust", 0.5), ("margin", 0.5 + lead)):
            rows.append((dataset, embedder, "random", strategy, seed, number, 10 * (number + 1), accuracy))
    columns = ["dataset", "embedder", "ips", "strategy", "seed", "round", "labels", "accuracy"]
    return pd.DataFrame(rows, columns=columns).sort_values(columns[:6], ignore_index=True)


def probes(quality):
    rows = [(task, name, value, value) for task in TASKS for name, value in quality.items()]
    return pd.DataFrame(rows, columns=["dataset", "embedder", "quality", "accuracy"])


def test_crossing_is_found_where_it_was_put_and_goes_with_quality():
    frame = curves({"weak": 8, "middling": 5, "strong": 2})
    found = questions.crossings(frame)
    assert found.groupby("embedder")["labels"].unique().map(list).to_dict() == {
        "weak": [90.0],
        "middling": [60.0],
        "strong": [30.0],
    }
    answer = questions.crossing(frame, probes({"weak": 0.3, "middling": 0.5, "strong": 0.9})).set_index("quantity")
    assert answer.loc["rho", "mean"] == -1
    assert answer.loc["share", "mean"] == pytest.approx((7 + 4 + 1) / 30)


def test_a_lead_that_never_changes_is_at_an_end():
    found = questions.crossings(curves({"always": 0, "never": 99}))
    assert found[found["embedder"] == "never"]["labels"].eq(np.inf).all()
    assert found[found["embedder"] == "always"]["share"].eq(0).all()


def test_layers_have_a_trend_where_quality_grows():
    frame = curves({"l1": 8, "l2": 5, "l3": 2})
    start = frame.assign(ips="typiclust", accuracy=frame["accuracy"] + 0.1)
    both = pd.concat([frame, start]).sort_values(["dataset", "embedder", "ips", "strategy", "seed", "round"])
    table = questions.layers(
        both.reset_index(drop=True), probes({"l1": 0.3, "l2": 0.5, "l3": 0.9}), ["l1", "l2", "l3"]
    ).set_index(["quantity", "embedder"])
    assert table.loc[("probe", "trend"), "mean"] == 1
    assert table.loc[("margin", "trend"), "mean"] == 1
    assert table.loc[("start typiclust", "l1"), "mean"] == pytest.approx(0.1)
    assert table.loc["probe"].index.tolist() == ["l1", "l2", "l3", "trend"]


def test_implementations_that_are_equal_differ_by_nothing():
    rng = np.random.default_rng(0)
    rows = []
    for task, seed in itertools.product(TASKS, range(3)):
        base = rng.normal(0.5, 0.05)
        rows.append((task, "e", "random", "ours", seed, base))
        for strategy, gap in (("same", 0.0), ("worse", 0.05)):
            rows.append((task, "e", strategy, "ours", seed, base + 0.1))
            rows.append((task, "e", strategy, "theirs", seed, base + 0.1 - gap + rng.normal(0, 0.001) * (gap > 0)))
    found = questions.implementation(pd.DataFrame(rows, columns=list(questions.IMPLEMENTATION)))
    found = found.set_index(["strategy", "code"])
    assert found.loc[("same", "difference"), "mean"] == pytest.approx(0, abs=1e-12)
    assert found.loc[("worse", "difference"), "mean"] == pytest.approx(0.05, abs=0.002)
    assert found.loc[("worse", "theirs"), "mean"] == pytest.approx(0.05, abs=0.002)


def test_a_gain_that_a_budget_takes_is_seen_as_the_difference():
    rows = []
    for task, seed, (budget, height, gain) in itertools.product(
        TASKS, range(2), ((questions.OWN, 0.5, 0.04), (questions.PAPERS, 0.8, 0.01))
    ):
        rows.append((task, "e", budget, "random", seed, height))
        rows.append((task, "e", budget, "margin", seed, height + gain))
    found = questions.budget(pd.DataFrame(rows, columns=list(questions.BUDGET))).set_index(["strategy", "budget"])
    assert found.loc[("margin", questions.OWN), "mean"] == pytest.approx(0.04)
    assert found.loc[("margin", questions.PAPERS), "mean"] == pytest.approx(0.01)
    assert found.loc[("margin", "difference"), "mean"] == pytest.approx(-0.03)
    assert found.loc[("margin", "difference"), "tasks"] == len(TASKS)


def test_noise_is_judged_against_random_querying_under_the_same_noise():
    rows = []
    for task, seed, (kind, rate, fall, gain) in itertools.product(
        TASKS, range(2), (("none", 0.0, 0.0, 0.06), ("next", 0.2, 0.1, 0.01))
    ):
        rows.append((task, "e", kind, rate, "random", seed, 0.7 - fall))
        rows.append((task, "e", kind, rate, "margin", seed, 0.7 - fall + gain))
    found = questions.noise(pd.DataFrame(rows, columns=list(questions.NOISE))).set_index(["noise", "strategy"])
    assert found.loc[("none", "margin"), "mean"] == pytest.approx(0.06)
    assert found.loc[("next", "margin"), "mean"] == pytest.approx(0.01)
    assert found.loc[("next", "random"), "mean"] == pytest.approx(-0.1)
