import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

import synthetic_runs

from nofreelunch import params
from nofreelunch.base import layout, storage
from nofreelunch.base.randomness import generator
from nofreelunch.cli import recommend
from nofreelunch.evaluation import recommendation, summary

PROJECT = Path(__file__).parents[2]
TRUTH = synthetic_runs.Truth(strategy_gain={"badge": 0.05}, pool_gain={"typiclust": 0.05}, run_noise=0.001)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with params.yaml, the summary of a grid where TypiClust then BADGE is best, and some texts."""
    folder = tmp_path_factory.mktemp("project")
    content = yaml.safe_load((PROJECT / "params.yaml").read_text())
    content["embedders"]["hashing"]["dim"] = 64
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    grid = params.load(folder / "params.yaml").grid
    axes = (grid.datasets, grid.embedders, grid.pools, grid.strategies, 2)
    made = summary.summarise(*synthetic_runs.make(*axes, TRUTH, rounds=6), "minilm")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        summary.write(made)
    words = ["red", "green", "blue", "round", "flat", "large", "small"]
    rows = [f"{words[i % 7]} {words[i // 7 % 7]} {words[i // 49 % 7]} thing {i}" for i in range(800)]
    few = rows[:150]
    (folder / "small.csv").write_text("text\n" + "\n".join(few) + "\n")
    (folder / "my.csv").write_text("text\n" + "\n".join(rows) + "\n")
    return folder


@pytest.fixture
def command(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(layout, "STUDY", Path("no study"))

    def run(*arguments):
        from nofreelunch.__main__ import main

        monkeypatch.setattr(sys, "argv", ["nofreelunch", "recommend", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, *capsys.readouterr()

    return run


def test_it_names_a_choice_with_what_it_gained_and_says_how_sure_it_is(command):
    code, out, _ = command("--texts", "my.csv", "--embedder", "hashing", "--labels", "650")
    assert code == 0
    assert "my.csv: 800 texts, embedded by hashing; learned from plots/evidence" in out
    assert "With 650 labels: start from a random pool, then query by badge." in out
    assert "That is the default, fixed beforehand: 4 tasks cannot say that something else is better." in out
    assert "nan" not in out
    assert "- It rests on 4 tasks; with fewer than 6 the default is never left." in out
    assert "- The best constant of the other tasks gained +" in out
    assert "fewer than 2,000 texts" in out
    assert command("--texts", "my.csv", "--embedder", "hashing", "--labels", "650")[1] == out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--texts", "no.csv"), "no.csv does not exist"),
        (("--texts", "my.csv", "--column", "texts"), "Did you mean 'text'?"),
        (("--texts", "my.csv", "--embedder", "hash"), "Did you mean 'hashing'?"),
        (("--texts", "my.csv", "--labels", "0"), "--labels must be at least 1"),
        (("--texts", "few.csv"), "few.csv has 2 different texts; at least 100"),
    ],
)
def test_errors_say_what_to_do(command, project, arguments, message):
    (project / "few.csv").write_text("text\na\na\nb\n\n")
    code, _, err = command(*arguments)
    assert code == 1
    assert message in err


def test_without_evidence_it_says_how_to_get_some(command, tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "EVIDENCE", tmp_path)
    code, _, err = command("--texts", "my.csv")
    assert code == 1
    assert "dvc repro" in err


def test_the_pool_bounds_the_labels_and_the_grid_what_is_known():
    assert recommend.answerable([300, 500, 700], None, 800) == (500, [])
    assert recommend.answerable([300, 500, 700], 650, 800) == (650, [])
    budget, notes = recommend.answerable([300, 500, 700], 650, 400)
    assert budget == 400
    assert notes == ["You have 400 texts: once all are labelled, nothing is left to choose."]
    budget, notes = recommend.answerable([300, 500, 700], 900, 1000)
    assert budget == 700
    assert notes == ["What 900 labels would do is not known: the grid's runs are compared from 300 to 700 labels."]
    assert recommend.answerable([300, 500, 700], None, 150)[0] == 300


def test_a_small_pool_is_told_what_is_not_known(command):
    _, out, _ = command("--texts", "small.csv", "--embedder", "hashing", "--labels", "650")
    assert "You have 150 texts: once all are labelled, nothing is left to choose." in out
    assert "What 150 labels would do is not known: the grid's runs are compared from 200 to 700 labels." in out


def doubled(table, count):
    """``table`` with its tasks under ``count`` new names."""
    return pd.concat([table.assign(dataset=table["dataset"].astype(str) + f"_{i}") for i in range(count)])


def store(table, folder):
    folder.mkdir(exist_ok=True)
    storage.write_table(folder / "arms.parquet", {name: column.to_numpy() for name, column in table.items()})


def test_evidence_from_elsewhere_counts_too_unless_a_folder_is_named(command, project):
    own = pd.read_parquet(project / "plots/evidence/arms.parquet")
    asked = ("--texts", "my.csv", "--embedder", "hashing", "--labels", "650")
    store(doubled(own, 1), layout.SHIPPED)
    try:
        code, out, _ = command(*asked)
        assert code == 0
        assert "learned from plots/evidence and evidence\n" in out
        assert "With 650 labels: start from a typiclust pool, then query by badge." in out
        assert (
            "That is not the default (random, then badge): chosen so on each of 8 tasks by the others, it gained" in out
        )
        assert "It rests on 8 tasks." in out
        store(own[own["dataset"] == own["dataset"].iloc[0]], layout.SHIPPED)
        code, out, _ = command(*asked, "--evidence", "evidence")
        assert code == 0
        assert "learned from evidence\n" in out
        assert "It rests on 1 task;" in out
        assert "gained not known points over the default" in out
        assert "nan" not in out
        store(own.drop(columns="default"), layout.SHIPPED)
        code, _, err = command(*asked)
        assert code == 1
        assert "evidence/arms.parquet lacks default" in err
    finally:
        shutil.rmtree(layout.SHIPPED)


def test_an_unsure_gain_and_texts_unlike_the_grid_are_admitted(project):
    own = pd.read_parquet(project / "plots/evidence/arms.parquet")
    rng = generator("test", "unsure")
    odd = doubled(own, 2)
    gains = dict(zip(odd["dataset"].unique(), rng.normal(size=8), strict=True))
    odd = odd.assign(gain=np.where(odd["default"], 0.0, odd["dataset"].map(gains)))
    advised = recommendation.recommend(odd, {}, 650)
    text = "\n".join(recommend.answer(advised))
    assert advised.arm == ("random", "badge")
    assert "start from a random pool, then query by badge." in text
    assert "not sure enough at 0.05. Here it would be" in text
    text = "\n".join(recommend.doubts(advised, ["hubness"], False))
    assert "do not help to foretell gains on tasks left out, and have no part" in text
    assert "outside the grid in hubness" in text


def test_what_is_not_known_of_the_texts_or_the_grid_is_said_so():
    measures = pd.DataFrame({"hubness": [1.0, 2.0], "anisotropy": [np.nan, np.nan]})
    lines = recommend.diagnostics_table({"hubness": float("nan"), "anisotropy": 0.5}, measures).splitlines()
    assert lines[1].split() == ["hubness", "not", "known", "1", "2"]
    assert lines[2].split() == ["anisotropy", "0.5", "not", "known", "not", "known"]
