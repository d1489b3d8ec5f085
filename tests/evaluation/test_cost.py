"""What strategies cost: by hand, where cells have no seconds, and on a terminal."""

import pandas as pd
import pytest
import synthetic_runs

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.cli import cost as command
from nofreelunch.evaluation.aulc import scores
from nofreelunch.evaluation.cost import claims, cost, load_seconds, money
from nofreelunch.evaluation.wins import ranks
from nofreelunch.params import Grid
from nofreelunch.report.figures import cost_gain

GRID = Grid(
    datasets=["easy", "hard"],
    embedders=["weak", "best"],
    pools=["random"],
    strategies=["random", "margin", "badge"],
    seeds=2,
)


@pytest.fixture(scope="module")
def frame():
    return synthetic_runs.make(GRID.datasets, GRID.embedders, GRID.pools, [*GRID.strategies, "bait"], 3, rounds=6)


@pytest.fixture
def folder(tmp_path, monkeypatch, frame):
    """Seconds of all cells but one, with a strategy and a seed that are not in the grid."""
    monkeypatch.chdir(tmp_path)
    seconds = synthetic_runs.seconds(frame[0])
    for (dataset, embedder), part in seconds.groupby(["dataset", "embedder"], observed=True):
        columns = {
            name: part[name].astype(object if name in ("ips", "strategy") else None) for name in part.columns[2:]
        }
        storage.write_table(layout.seconds(str(dataset), str(embedder)), {k: v.to_numpy() for k, v in columns.items()})
    layout.seconds("hard", "best").unlink()
    return tmp_path


def test_a_cell_without_seconds_is_named_and_what_is_not_in_the_grid_is_left_out(folder):
    seconds, absent = load_seconds(GRID)
    assert absent == ["hard-best"]
    assert len(seconds) == 3 * 3 * 2 * 7
    assert list(seconds["strategy"].cat.categories) == GRID.strategies
    by_strategy = seconds.groupby("strategy", observed=True)["query_seconds"].max()
    assert by_strategy.to_dict() == pytest.approx({"random": 0.01, "margin": 0.02, "badge": 0.03})


def test_cost_by_hand(frame):
    placed = ranks(scores(frame[0], frame[1]), synthetic_runs.NO_CLONES)
    table = cost(synthetic_runs.seconds(frame[0]), placed)
    row = table.set_index(["embedder", "strategy"]).loc[("weak", "margin")]
    # Six queries of 0.02 s; seven fits of 0.05 · (1 + r/6) for r = 0…6.
    assert row["query_seconds"] == pytest.approx(0.02)
    assert row["fit_seconds"] == pytest.approx(0.05 * 1.5)
    assert row["run_seconds"] == pytest.approx(6 * 0.02 + 7 * 0.05 * 1.5)
    own = placed[(placed["metric"] == "accuracy") & (placed["embedder"] == "weak") & (placed["strategy"] == "margin")]
    assert row["gain"] == pytest.approx(own["gain"].mean())
    axes = cost_gain.draw(table).axes[0]
    gain = table.loc[table["strategy"] == "margin", "gain"].mean()
    assert any(p.get_markersize() == 8 and p.get_ydata()[0] == pytest.approx(100 * gain) for p in axes.lines)


def test_the_claims_about_cost_by_hand(frame):
    seconds = synthetic_runs.seconds(frame[0])
    # Of 0.01, 0.02, 0.03 and 0.04 s a query on average, six in a run.
    assert money(seconds)[0] == pytest.approx(6 * 0.025 + 7 * 0.05 * 1.5)
    quick, cheap = claims(seconds)
    assert quick.estimate == pytest.approx(
        pd.Series([0.03, 0.04]).apply("log").mean() - pd.Series([0.02]).apply("log")[0]
    )
    assert cheap.estimate > 0
    assert quick.n == cheap.n == 2


def test_the_command_shows_what_is_known_and_says_what_is_not(folder, monkeypatch, capsys, frame):
    monkeypatch.setattr("nofreelunch.params.load", lambda: type("Loaded", (), {"grid": GRID}))
    monkeypatch.setattr(
        "nofreelunch.evaluation.summary.read_table",
        lambda _: ranks(scores(frame[0], frame[1]), synthetic_runs.NO_CLONES),
    )
    command.run(None)
    said = capsys.readouterr().out
    assert "computed elsewhere or restored by DVC: hard-best" in said
    assert "nan" not in said
    assert (layout.TIMINGS / "cost_gain.png").is_file()
    for path in layout.TIMINGS.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(UserError, match="repro --force active_learn"):
        command.run(None)
