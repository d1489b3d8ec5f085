import numpy as np
import pandas as pd
import pytest
import synthetic_runs

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.cells.diagnostics import LABEL_FREE, LABELLED
from nofreelunch.evaluation import runs
from nofreelunch.evaluation.correctness import halves
from nofreelunch.params import Grid
from nofreelunch.tasks.counts import ACCOUNT

GRID = Grid(
    datasets=["zeta", "alpha"], embedders=["lsa", "bow"], pools=["random"], strategies=["random", "margin"], seeds=3
)
TEST_ROWS = 21


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files of GRID, plus a strategy and a seed that GRID does not ask for, rows shuffled."""
    monkeypatch.chdir(tmp_path)
    frame, probes, diagnostics, *_ = synthetic_runs.make(
        GRID.datasets, GRID.embedders, ["random"], ["badge", "random", "margin"], 4, rounds=3
    )
    for (dataset, embedder), part in frame.groupby(["dataset", "embedder"], observed=True):
        put(dataset, embedder, part.sample(frac=1, random_state=1), layout.runs)
        row = probes[(probes["dataset"] == dataset) & (probes["embedder"] == embedder)].iloc[0]
        ends = {name: row[name] for name in runs.SCORES}
        chance = {"chance": dict.fromkeys(runs.SCORES, 0.25), "test_rows": TEST_ROWS}
        chance["account"] = {"classes": 4, "train": 100, "duplicates": 7}
        storage.write_json(layout.probe(dataset, embedder), ends | chance)
        right = np.random.default_rng(len(dataset)).random((len(frame) // 4 + 2, TEST_ROWS)) < 0.7
        storage.write_npy(layout.correct(dataset, embedder), np.packbits(right, axis=1))
        own = diagnostics[(diagnostics["dataset"] == dataset) & (diagnostics["embedder"] == embedder)]
        kinds = {
            kind: dict(own.loc[own["labelled"] == labelled, ["measure", "value"]].itertuples(index=False))
            for kind, labelled in (("label_free", False), ("labelled", True))
        }
        kinds["label_free"]["hubness"] = None
        storage.write_json(layout.diagnostics(dataset, embedder), kinds)
    return frame


def put(dataset, embedder, part, path):
    columns = {
        name: column.astype(object).to_numpy() if column.dtype == "category" else column.to_numpy()
        for name, column in part.drop(columns=["dataset", "embedder"]).items()
    }
    storage.write_table(path(dataset, embedder), columns)


def change(edit):
    table = pd.DataFrame(storage.read_table(layout.runs("alpha", "bow")))
    storage.write_table(layout.runs("alpha", "bow"), {name: c.to_numpy() for name, c in edit(table).items()})


def is_run(table, strategy, seed):
    return (table["strategy"] == strategy) & (table["seed"] == seed)


def test_load_gives_the_grid_in_grid_order_and_nothing_else(folder):
    frame = runs.load(GRID)
    assert len(frame) == 2 * 2 * 1 * 2 * 3 * 4
    assert list(frame["dataset"].cat.categories) == ["zeta", "alpha"]
    assert list(frame["dataset"].unique()) == ["zeta", "alpha"]
    assert list(frame["strategy"].cat.categories) == ["random", "margin"]
    keys = [*runs.RUN, "round"]
    expected = folder.set_index(keys)["accuracy"]
    got = frame.astype(dict.fromkeys(runs.FACTORS, str)).set_index(keys)["accuracy"]
    expected.index = expected.index.set_levels(
        [level.astype(str) for level in expected.index.levels[:4]], level=[0, 1, 2, 3]
    )
    assert (got == expected.loc[got.index]).all()


def test_held_accuracy_follows_its_run_and_round(folder):
    frame = runs.load(GRID)
    table = pd.DataFrame(storage.read_table(layout.runs("alpha", "bow")))
    bits = np.unpackbits(storage.read_npy(layout.correct("alpha", "bow")), axis=1, count=TEST_ROWS)
    held = halves("alpha", TEST_ROWS)[1]
    for _, row in frame[(frame["dataset"] == "alpha") & (frame["embedder"] == "bow")].iloc[::7].iterrows():
        at = is_run(table, row["strategy"], row["seed"]) & (table["round"] == row["round"])
        assert row[runs.HELD] == pytest.approx(bits[np.flatnonzero(at)[0], held].mean())


def test_bits_of_other_runs_are_refused(folder):
    storage.write_npy(layout.correct("alpha", "bow"), np.zeros((5, 3), np.uint8))
    with pytest.raises(UserError, match="of other runs"):
        runs.load(GRID)
    storage.write_npy(layout.correct("alpha", "bow"), np.zeros((5, 2), np.uint8))
    with pytest.raises(UserError, match="does not hold the bits of 21 test rows"):
        runs.load_probes(GRID)
    layout.correct("alpha", "bow").unlink()
    with pytest.raises(UserError, match="is missing"):
        runs.load(GRID)


def test_tasks_say_what_became_of_their_rows(folder):
    tasks = runs.load_tasks(GRID).set_index("dataset")
    assert tasks.loc["alpha", ["classes", "train", "duplicates"]].tolist() == [4, 100, 7]
    assert np.isnan(tasks.loc["zeta", "over_cap"])
    assert list(tasks.columns) == list(ACCOUNT)


def test_a_missing_run_is_named(folder):
    change(lambda table: table[~is_run(table, "margin", 1)])
    with pytest.raises(UserError, match=r"1 of 24 runs are missing: alpha/bow/random/margin/1 "):
        runs.load(GRID)


def test_a_missing_file_is_named(folder):
    layout.runs("zeta", "lsa").unlink()
    with pytest.raises(UserError, match=r"zeta/lsa\.parquet"):
        runs.load(GRID)


def test_a_doubled_run_is_named(folder):
    change(lambda table: pd.concat([table, table[is_run(table, "random", 2)]]))
    with pytest.raises(UserError, match=r"twice: alpha/bow/random/random/2 "):
        runs.load(GRID)


@pytest.mark.parametrize("gone", [3, 1])
def test_a_run_with_a_round_missing_is_named(folder, gone):
    change(lambda table: table[~(is_run(table, "margin", 0) & (table["round"] == gone))])
    with pytest.raises(UserError, match=r"rounds missing: alpha/bow/random/margin/0 "):
        runs.load(GRID)


def test_labels_must_agree_between_the_runs_of_a_dataset(folder):
    change(lambda table: table.assign(labels=table["labels"] + (table["round"] == 2)))
    with pytest.raises(UserError, match="number of labels: alpha round 2"):
        runs.load(GRID)


def test_a_metric_that_is_not_finite_is_named(folder):
    change(lambda table: table.assign(nll=table["nll"].where(~is_run(table, "random", 0), np.inf)))
    with pytest.raises(UserError, match="nll are not finite in: alpha/bow/random/random/0 "):
        runs.load(GRID)


def test_probes(folder):
    probes = runs.load_probes(GRID)
    assert list(probes.columns)[:2] == ["dataset", "embedder"]
    assert {*runs.AREAS, *(f"chance_{name}" for name in runs.AREAS), "quality", "lift_error"} < set(probes.columns)
    assert len(probes) == 4
    bits = np.unpackbits(storage.read_npy(layout.correct("zeta", "lsa")), axis=1, count=TEST_ROWS)
    quality, held = halves("zeta", TEST_ROWS)
    row = probes.iloc[0]
    assert row["quality"] == pytest.approx(bits[-2, quality].mean())
    assert row[runs.HELD] == pytest.approx(bits[-2, held].mean())
    gap = bits[-2].astype(float) - bits[-1]
    assert row["lift_error"] == pytest.approx(gap.std() / np.sqrt(TEST_ROWS))


def test_blocks_hold_each_run_as_a_row(folder):
    frame = runs.load(GRID)
    found = {keys["dataset"].iloc[0]: (keys, labels, values) for keys, labels, values in runs.blocks(frame, "accuracy")}
    keys, labels, values = found["alpha"]
    assert labels.tolist() == [100, 200, 300, 400]
    at = keys.index[(keys["embedder"] == "bow") & (keys["strategy"] == "margin") & (keys["seed"] == 2)][0]
    chosen = (frame["dataset"] == "alpha") & (frame["embedder"] == "bow") & is_run(frame, "margin", 2)
    assert values[at].tolist() == frame.loc[chosen, "accuracy"].tolist()


def test_diagnostics_keep_their_kinds_and_an_undefined_one_is_nan(folder):
    table = runs.load_diagnostics(GRID).set_index(["dataset", "embedder", "measure"])
    assert len(table) == 4 * (len(LABEL_FREE) + len(LABELLED))
    assert set(table[table["labelled"]].index.get_level_values("measure")) == set(LABELLED)
    assert table.index[table["value"].isna()].get_level_values("measure").unique().tolist() == ["hubness"]
    layout.diagnostics("alpha", "bow").unlink()
    with pytest.raises(UserError, match=r"bow\.diagnostics\.json is missing"):
        runs.load_diagnostics(GRID)
