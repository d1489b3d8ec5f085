import json

import numpy as np
import pandas as pd
import pytest
import synthetic_runs

from nofreelunch.evaluation import summary

PRINTED = set(summary.TABLES) - {"picks"}


@pytest.fixture(scope="module")
def made(runs):
    return summary.summarise(*runs, focus="good")


def leaves(value, path=()):
    if isinstance(value, dict):
        return {key: leaf for name, part in value.items() for key, leaf in leaves(part, (*path, name)).items()}
    return {path: value}


def test_every_embedder_has_the_same_metrics_keys(made):
    keys = {embedder: set(leaves(values)) for embedder, values in made.metrics.items()}
    assert list(keys) == ["weak", "fair", "good", "best"]
    assert len({frozenset(found) for found in keys.values()}) == 1
    assert not any(embedder in "/".join(key) for key in keys["weak"] for embedder in keys)


def test_metrics_are_rounded_means_over_datasets_pools_and_seeds(made, runs):
    part = made.tables["aulc"].query("metric == 'accuracy' and embedder == 'fair'")
    metrics = made.metrics["fair"]
    by_strategy = part.groupby("strategy", observed=True)["aulc"].mean()
    assert metrics["aulc"] == pytest.approx(part["aulc"].mean(), abs=1e-5)
    assert metrics["gain"]["badge"] == pytest.approx(by_strategy["badge"] - by_strategy["random"], abs=1e-5)
    assert "random" not in metrics["gain"]
    assert set(metrics["pool_gain"]) == {"typiclust"}
    assert metrics["final"] == pytest.approx(part["final"].mean(), abs=1e-5)
    assert metrics["tasks"] == 2
    assert metrics["probe"] == pytest.approx(runs[1].query("embedder == 'fair'")["accuracy"].mean(), abs=1e-5)


def test_focus_and_plot_show_the_focus_embedder(made):
    own = made.tables["aulc"].query(
        "metric == 'accuracy' and embedder == 'good' and dataset == 'easy' and strategy == 'badge'"
    )
    assert made.focus["easy"]["badge"] == round(own["aulc"].mean(), 5)
    assert list(made.plot.columns) == ["dataset", "ips", "strategy", "labels", "mean", "lo", "hi"]
    assert len(made.plot) == 2 * 2 * 4 * 7


def test_written_files_are_whole_and_the_same_twice(made, tmp_path, monkeypatch):
    contents = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        summary.write(made)
        contents.append(
            {str(path.relative_to(tmp_path / folder)): path.read_bytes() for path in (tmp_path / folder).rglob("*.*")}
        )
    assert contents[0] == contents[1]
    expected = {f"data/summary/{name}.{kind}" for name in summary.TABLES for kind in ("parquet", "csv")}
    expected |= {f"metrics/{name}.json" for name in ("weak", "fair", "good", "best", "focus")} | {
        "plots/curves.csv",
        "plots/evidence/arms.parquet",
        "data/summary/claims.json",
        "data/summary/README.md",
    }
    printed = {f"data/summary/{name}.{kind}" for name in ("claims", *PRINTED) for kind in ("md", "tex")}
    assert set(contents[0]) == expected | printed
    assert json.loads(contents[0]["metrics/focus.json"]) == made.focus
    tables = summary.read_tables()
    for name, table in made.tables.items():
        pd.testing.assert_frame_equal(tables[name], table, check_dtype=False, check_categorical=False)
    assert list(tables["curves"]["strategy"].cat.categories) == ["random", "margin", "coreset", "badge"]


def test_every_table_has_the_columns_that_are_declared_and_only_those(made):
    assert made.tables.keys() == summary.TABLES.keys()
    for name, table in made.tables.items():
        declared = summary.TABLES[name].columns
        names = [column.name for column in declared]
        assert len(names) == len(set(names))
        covered = [found.name for column in declared for found in column.over(list(table.columns))]
        assert set(covered) == set(table.columns), name
        assert len(covered) == len(table.columns)
        assert all(column.over(list(table.columns)) for column in declared), name


def test_every_sentence_is_one_and_every_column_has_a_unit():
    for table in summary.DECLARED:
        assert table.sentence.startswith("A row is ")
        assert table.sentence.count(". ") == 0
        assert table.sentence.endswith(".")
        described = table.described()
        assert all(f"`{column.name}` | {column.label} |" in described for column in table.columns)


def test_one_seed_one_pool_one_embedder_still_summarise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = summary.summarise(
        *synthetic_runs.make(["d"], ["e"], ["typiclust"], ["random", "margin"], 1, rounds=2), focus="e"
    )
    summary.write(made)
    assert made.metrics["e"]["pool_gain"] == {}
    assert (made.plot["lo"] == made.plot["mean"]).all()
    assert np.isfinite([value for value in leaves(made.metrics["e"]).values() if value != {}]).all()
    assert (tmp_path / "data/summary/pool_gains.parquet").is_file()


def test_the_start_is_named_by_its_range_where_datasets_differ():
    frames = [
        synthetic_runs.make([d], ["e"], ["random"], ["random"], 2, rounds=2, batch=b)[0]
        for d, b in (("a", 4), ("b", 150))
    ]
    both = pd.concat(frames)
    assert summary._k0(frames[0]) == "4"
    assert summary._k0(both) == "4–150"
