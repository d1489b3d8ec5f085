import pytest

from nofreelunch.evaluation import curves
from nofreelunch.evaluation.runs import METRICS


def at(table, **keys):
    for key, value in keys.items():
        table = table[table[key] == value]
    return table


SITE = {"dataset": "hard", "embedder": "good", "ips": "typiclust"}


def test_curves_are_means_over_seeds_for_every_point_and_metric(runs):
    frame = runs[0]
    table = curves.curves(frame)
    assert len(table) == 2 * 4 * 2 * 4 * 7 * len(METRICS)
    point = at(table, **SITE, strategy="badge", round=3, metric="macro_f1").iloc[0]
    values = at(frame, **SITE, strategy="badge", round=3)["macro_f1"]
    assert (point["n"], point["labels"]) == (5, 400)
    assert point["mean"] == pytest.approx(values.mean())
    assert point["hi"] - point["mean"] == pytest.approx(2.776445 * values.std() / 5**0.5, rel=1e-6)


def test_differences_are_paired_by_seed_and_pool(runs):
    frame = runs[0]
    table = curves.differences(frame)
    assert "random" not in set(table["strategy"])
    point = at(table, **SITE, strategy="margin", round=6, metric="accuracy").iloc[0]
    mine = at(frame, **SITE, strategy="margin", round=6).set_index("seed")["accuracy"]
    base = at(frame, **SITE, strategy="random", round=6).set_index("seed")["accuracy"]
    assert point["mean"] == pytest.approx((mine - base).mean())
    assert point["hi"] - point["lo"] == pytest.approx(2 * 2.776445 * (mine - base).std() / 5**0.5, rel=1e-6)


def test_strategies_start_from_the_same_pool(runs):
    start = at(curves.differences(runs[0]), round=0)
    assert (start[["mean", "lo", "hi"]] == 0).all(axis=None)
