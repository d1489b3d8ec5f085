"""What strategies cost: by hand, where cells have no seconds, and on a terminal."""

import numpy as np
import pandas as pd
import pytest
import synthetic_runs

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.cli import cost as command
from nofreelunch.evaluation.aulc import run_areas
from nofreelunch.evaluation.claim_test import over_datasets
from nofreelunch.evaluation.cost import claims, cost, load_embedding, load_seconds, verdict, whole_runs
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
    placed = ranks(run_areas(frame[0], frame[1]), synthetic_runs.NO_CLONES)
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


@pytest.fixture
def embedded(tmp_path, monkeypatch):
    """Pools of 300 and 600 rows and 100 test rows, in 800 and 1,400 texts; embedded on cores, and once on a GPU."""
    monkeypatch.chdir(tmp_path)
    for dataset, rows, texts in (("easy", 300, 800), ("hard", 600, 1400)):
        storage.write_json(layout.task_card(dataset), {"train": {"rows": rows}, "test": {"rows": 100}})
        for embedder in GRID.embedders:
            storage.write_json(layout.embedding_card(dataset, embedder), {"unique_texts": texts})
    for dataset, embedder, device, pace in (
        ("easy", "weak", "cpu", 10.0),
        ("easy", "best", "cuda", 1000.0),
        ("hard", "weak", "cpu", 10.0),
    ):
        storage.write_json(layout.encoding_rate(dataset, embedder), {"device": device, "texts_per_second": pace})


def test_embedding_by_hand(embedded):
    table, absent = load_embedding(GRID)
    assert absent == ["hard-best"]
    # 800 texts for 400 rows, 300 of them the pool's; an hour costs $0.04 on a core and $2.50 on a GPU.
    assert table["embed_seconds"].tolist() == pytest.approx([60.0, 0.6, 120.0])
    assert table["embed_dollars"].tolist() == pytest.approx([60 / 3600 * 0.04, 0.6 / 3600 * 2.5, 120 / 3600 * 0.04])


def test_a_run_pays_for_its_embedding_whole_by_hand(embedded, frame):
    whole = whole_runs(synthetic_runs.seconds(frame[0]), load_embedding(GRID)[0])
    # Of 0.01, 0.02, 0.03 and 0.04 s a query on average, six in a run, and seven fits.
    learning = 6 * 0.025 + 7 * 0.05 * 1.5
    assert whole["learn_seconds"].tolist() == pytest.approx([learning] * 3)
    assert whole["dollars"].tolist() == pytest.approx(
        [(60 + learning) / 3600 * 0.04, 0.6 / 3600 * 2.5 + learning / 3600 * 0.04, (120 + learning) / 3600 * 0.04]
    )


def test_the_claims_about_cost_by_hand(embedded, frame):
    seconds = synthetic_runs.seconds(frame[0])
    whole = pd.DataFrame({"dataset": ["easy", "easy", "hard", "hard"], "dollars": [0.05, 0.15, 0.0, 0.002]})
    quick, cheap = claims(seconds, whole)
    # badge takes 0.03 s a query and bait 0.04; the median of their logs is half-way.
    assert quick.estimate == pytest.approx(np.log10(0.03 * 0.04) / 2 - np.log10(0.02))
    # Ten cents on one task and a tenth of a cent on the other.
    assert cheap.estimate == pytest.approx((1 + 3) / 2)
    assert "$1" in cheap.quantity
    assert quick.n == cheap.n == 2
    assert [part.quantity.split(":")[0] for part in claims(seconds, whole.iloc[:0])] == ["claim 6"]


def test_a_verdict_needs_p_below_a_fortieth_on_its_side():
    cheap, dear = over_datasets("", pd.Series([1.0, 1.1, 0.9])), over_datasets("", pd.Series([-1.0, -1.1, -0.9]))
    assert (verdict(cheap), verdict(dear)) == ("supported", "contradicted")
    assert verdict(over_datasets("", pd.Series([1.0, -1.1]))) == "undecided"


@pytest.fixture
def loaded(monkeypatch, frame):
    monkeypatch.setattr("nofreelunch.params.load", lambda: type("Loaded", (), {"grid": GRID}))
    monkeypatch.setattr(
        "nofreelunch.evaluation.summary.read_table",
        lambda _: ranks(run_areas(frame[0], frame[1]), synthetic_runs.NO_CLONES),
    )


def test_the_command_gives_money_and_whose_threshold_it_is(folder, embedded, loaded, capsys):
    command.run(None)
    said = capsys.readouterr().out
    assert "Assumed: $0.04 for an hour of a core and $2.5 for one of a GPU." in said
    assert "Cheap is less than $1, our own choice." in said
    assert "claim 11: powers of ten by which a run costs less than $1: +" in said
    assert "Without seconds of embedding, and so not in what a run costs: hard-best" in said
    assert "nan" not in said


def test_the_command_shows_what_is_known_and_says_what_is_not(folder, loaded, capsys):
    command.run(None)
    said = capsys.readouterr().out
    assert "computed elsewhere or restored by DVC: hard-best" in said
    assert "not known: this machine has embedded no cell" in said
    assert "nan" not in said
    assert (layout.TIMINGS / "cost_gain.png").is_file()
    for path in layout.TIMINGS.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(UserError, match="repro --force active_learn"):
        command.run(None)
