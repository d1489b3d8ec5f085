import numpy as np
import pandas as pd
import pytest
import synthetic_runs

from nofreelunch.evaluation.answers import answers
from nofreelunch.evaluation.aulc import run_areas


def asked(truth=None, datasets=6, pools=("random", "typiclust"), strategies=("random", "margin", "badge"), **more):
    frame, probes, *_ = synthetic_runs.make(
        [f"d{i}" for i in range(datasets)],
        ["weak", "strong"],
        list(pools),
        list(strategies),
        3,
        synthetic_runs.Truth(**{"site_noise": 0.004, **(truth or {})}),
        **more,
    )
    return {answer.factor: answer for answer in answers(run_areas(frame, probes))}


def test_what_was_built_in_is_found_and_sure():
    found = asked({"strategy_gain": {"badge": 0.05}, "pool_gain": {"typiclust": 0.06}})
    assert (found["embedder"].choice, found["embedder"].rival) == ("strong", "weak")
    assert (found["start"].choice, found["start"].sureness) == ("typiclust", "sure")
    assert found["start"].effect == pytest.approx(0.06, abs=0.01)
    assert (found["strategy"].choice, found["strategy"].sureness, found["strategy"].again) == ("badge", "sure", 6)
    assert found["strategy"].close == []


def test_where_nothing_is_better_hardly_anything_is_called_sure():
    verdicts = [
        asked({"name": f"null {k}"}, datasets=4, rounds=3)[factor].sureness
        for k in range(60)
        for factor in ("start", "strategy")
    ]
    assert verdicts.count("sure") <= 0.1 * len(verdicts)
    assert "coin toss" in verdicts


def table(values):
    """An AULC table of one embedder and pool: strategy → one value per task."""
    rows = [
        {"metric": "accuracy", "dataset": f"d{i}", "embedder": "e", "ips": "random", "strategy": name, "aulc": v}
        for name, column in values.items()
        for i, v in enumerate(column)
    ]
    return pd.DataFrame(rows).assign(initial=0.3)


def test_golden_answer():
    # Differences .02, .04, .06: mean .04, standard deviation .02, t = 2√3, two-sided p of 2 degrees = .0742.
    (answer,) = answers(table({"random": [0.5, 0.5, 0.5], "a": [0.52, 0.54, 0.56], "b": [0.4, 0.5, 0.6]}))
    assert (answer.choice, answer.rival, answer.tasks, answer.won) == ("a", "random", 3, 3)
    half = 4.302653 * 0.02 / np.sqrt(3)
    np.testing.assert_allclose([answer.effect, answer.lo, answer.hi], [0.04, 0.04 - half, 0.04 + half], atol=1e-6)
    # Two alternatives: .148 is a hint. Of b's differences (.12, .04, −.04) p is .42; random's own is .07.
    assert answer.sureness == "hint"
    assert answer.close == ["b", "random"]


def test_random_may_be_the_best_and_is_held_against_the_next():
    (answer,) = answers(table({"random": [0.5, 0.6], "a": [0.4, 0.5]}))
    assert (answer.choice, answer.rival, answer.sureness) == ("random", "a", "sure")


def test_one_task_can_test_nothing():
    (answer,) = answers(table({"random": [0.5], "a": [0.6]}))
    assert (answer.choice, answer.sureness) == ("a", "cannot be tested")
    assert np.isnan(answer.lo)


def test_no_answer_without_alternatives():
    assert answers(table({"random": [0.5, 0.6]})) == []
