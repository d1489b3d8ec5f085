import numpy as np
import pandas as pd
import pytest
import synthetic_runs

from nofreelunch.base import layout, storage
from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import finite
from nofreelunch.evaluation.aulc import aulc, thirds
from nofreelunch.evaluation.curves import curves
from nofreelunch.params import Grid


def test_the_error_is_that_of_the_two_way_table():
    values = np.array([[1.0, 0, 1, 1], [1, 0, 0, 1], [1, 1, 0, 1]])
    mean, error, freedom = finite.crossed(values)
    seeds, rows = values.shape
    of_seeds = rows * values.mean(axis=1).var(ddof=1)
    of_rows = seeds * values.mean(axis=0).var(ddof=1)
    residual = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    rest = (residual**2).sum() / 6
    assert mean == pytest.approx(values.mean())
    assert error**2 == pytest.approx(max(of_seeds + of_rows - rest, of_seeds, of_rows) / 12)
    assert freedom > 0


def two_way(rng, seeds, rows, by_seed, by_row, rest):
    return (
        by_seed * rng.normal(size=(seeds, 1))
        + by_row * rng.normal(size=(1, rows))
        + rest * rng.normal(size=(seeds, rows))
    )


@pytest.mark.parametrize("by_row", [0.02, 0.4])
def test_intervals_cover_the_truth_where_those_over_seeds_alone_do_not(by_row):
    rng = generator("test", "crossed", str(by_row))
    covered, alone = [], []
    for _ in range(600):
        values = two_way(rng, 5, 100, 0.01, by_row, 0.3)
        lo, hi = finite.gain_interval(values)
        covered.append(lo <= 0 <= hi)
        means = values.mean(axis=1)
        alone.append(abs(means.mean()) <= 2.776 * means.std(ddof=1) / np.sqrt(5))
    assert 0.92 < np.mean(covered) < 0.985
    assert np.mean(alone) < 0.8 or by_row < 0.1


def test_it_agrees_with_a_bootstrap_of_seeds_and_rows_where_both_are_many():
    rng = generator("test", "bootstrap")
    values = two_way(rng, 40, 300, 0.05, 0.3, 0.1)
    draws = [values[rng.integers(0, 40, 40)][:, rng.integers(0, 300, 300)].mean() for _ in range(2000)]
    assert finite.crossed(values)[1] == pytest.approx(np.std(draws), rel=0.1)


def test_levels_stay_between_0_and_1_and_are_never_sure():
    few = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], bool)
    lo, hi = finite.level_interval(few)
    assert 0 <= lo < 0.9 < hi <= 1
    lo, hi = finite.level_interval(np.ones((3, 30), bool))
    assert [float(lo), float(hi)] == pytest.approx([0.025 ** (1 / 30), 1])
    lo, hi = finite.level_interval(np.zeros((3, 30), bool))
    assert [float(lo), float(hi)] == pytest.approx([0, 1 - 0.025 ** (1 / 30)])
    assert np.isnan(finite.level_interval(few[:1])).all()


def ends(row):
    return np.array([row["lo"], row["hi"]], dtype=float)


def test_every_cell_gets_its_intervals_from_its_own_bits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = Grid(datasets=["d"], embedders=["e"], pools=["random", "typiclust"], strategies=["random", "badge"], seeds=3)
    rows, rng = 50, generator("test", "cells")
    index = pd.MultiIndex.from_product(
        [["typiclust", "random"], ["badge", "random"], range(3), range(4)], names=["ips", "strategy", "seed", "round"]
    )
    table = index.to_frame(index=False).assign(labels=lambda t: 10 * (t["round"] + 1) ** 2)
    hits = rng.random((len(table) + 2, rows)) < 0.7
    storage.write_table(layout.runs("d", "e"), {name: column.to_numpy() for name, column in table.items()})
    storage.write_npy(layout.correct("d", "e"), np.packbits(hits, axis=1))
    storage.write_json(layout.probe("d", "e"), {"test_rows": rows})
    found = finite.load_finite(grid)

    def own(ips, strategy):
        at = (table["ips"] == ips) & (table["strategy"] == strategy)
        return hits[:-2][at].reshape(3, 4, rows).astype(float)

    point = found["curves"].query("ips == 'typiclust' and strategy == 'badge' and round == 2").iloc[0]
    assert ends(point) == pytest.approx(np.array(finite.level_interval(own("typiclust", "badge")[:, 2])))
    labels = np.array([10.0, 40, 90, 160])
    gap = own("random", "badge") - own("random", "random")
    area = aulc(labels, gap.swapaxes(1, 2))
    row = found["strategy_gains"].query("ips == 'random'").iloc[0]
    assert ends(row) == pytest.approx(np.array(finite.gain_interval(area)), abs=1e-6)
    start = sum(own("typiclust", name) - own("random", name) for name in grid.strategies) / 2
    late = thirds(labels, start.swapaxes(1, 2))[..., 2]
    row = found["pool_gains"].query("phase == 'late'").iloc[0]
    assert ends(row) == pytest.approx(np.array(finite.gain_interval(late)), abs=1e-6)


def test_only_accuracy_takes_the_intervals():
    frame, *_ = synthetic_runs.make(["d"], ["e"], ["random"], ["random", "margin"], 3, rounds=2)
    table = curves(frame)
    keys = ["dataset", "embedder", "ips", "strategy", "round"]
    found = table.query("metric == 'accuracy'")[keys].astype(dict.fromkeys(keys[:4], object)).assign(lo=0.1, hi=0.9)
    made = finite.finite(table, found)
    is_accuracy = made["metric"] == "accuracy"
    assert (made.loc[is_accuracy, "lo"] == 0.1).all()
    assert (made.loc[~is_accuracy, "lo"] == table.loc[~is_accuracy, "lo"]).all()


def test_what_nothing_can_be_compared_with_is_absent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = Grid(datasets=["d"], embedders=["e"], pools=["typiclust"], strategies=["random"], seeds=2)
    index = pd.MultiIndex.from_product(
        [["typiclust"], ["random"], range(2), range(3)], names=["ips", "strategy", "seed", "round"]
    )
    table = index.to_frame(index=False).assign(labels=lambda t: 10 * (t["round"] + 1))
    storage.write_table(layout.runs("d", "e"), {name: column.to_numpy() for name, column in table.items()})
    storage.write_npy(layout.correct("d", "e"), np.packbits(np.ones((len(table) + 2, 8), bool), axis=1))
    storage.write_json(layout.probe("d", "e"), {"test_rows": 8})
    assert "pool_gains" not in finite.load_finite(grid)
