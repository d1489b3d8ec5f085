import numpy as np
import pytest
import synthetic_runs

from nofreelunch.base.registry import Known
from nofreelunch.evaluation.aulc import run_areas
from nofreelunch.evaluation.embedders import embedders
from nofreelunch.evaluation.gains import pool_gains
from nofreelunch.evaluation.wins import ranks


@pytest.fixture(scope="module")
def made():
    truth = synthetic_runs.Truth(strategy_gain={"margin": 0.05}, pool_gain={"typiclust": 0.04}, run_noise=0.0)
    runs = synthetic_runs.make(["a", "b"], ["weak", "strong"], ["random", "typiclust"], ["random", "margin"], 2, truth)
    areas = run_areas(*runs[:2])
    return areas, pool_gains(areas), ranks(areas, runs[-1])


def test_the_best_stands_first_with_its_gains_and_facts(made):
    table = embedders(*made, Known(mteb={"weak": 40.0}, weights={"strong": 85.0})).set_index("embedder")
    assert list(table.index) == ["strong", "weak"]
    areas = made[0].query("metric == 'accuracy' and embedder == 'weak'")
    assert table.loc["weak", "aulc"] == pytest.approx(areas["aulc"].mean())
    starts = made[1].query("metric == 'accuracy' and embedder == 'weak' and phase == 'initial'")
    assert table.loc["weak", "start.typiclust"] == pytest.approx(starts["mean"].mean())
    assert table.loc["weak", "start.typiclust"] > 0.02
    gain = areas[areas["strategy"] == "margin"]["aulc"].mean() - areas[areas["strategy"] == "random"]["aulc"].mean()
    assert table.loc["weak", "strategy.margin"] == pytest.approx(gain)
    assert table.loc["weak", "mteb"] == 40
    assert np.isnan(table.loc["strong", "mteb"])
    assert table.loc["strong", "weights"] == 85
    assert (table["tasks"] == 2).all()
    assert (table["lo"] >= 0).all()
    assert (table["hi"] <= 1).all()


def test_without_random_pools_no_start_is_compared(made):
    areas = made[0][made[0]["ips"] == "typiclust"]
    table = embedders(areas, pool_gains(areas), made[2][made[2]["ips"] == "typiclust"], Known())
    assert not [name for name in table if name.startswith("start.")]
    assert table["strategy.margin"].notna().all()
