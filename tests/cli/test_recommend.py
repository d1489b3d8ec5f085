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
from nofreelunch.cli import recommend
from nofreelunch.evaluation import summary
from nofreelunch.evaluation.recommendation import Rule, Scale

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

    def run(*arguments):
        from nofreelunch.__main__ import main

        monkeypatch.setattr(sys, "argv", ["nofreelunch", "recommend", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, *capsys.readouterr()

    return run


def test_it_names_a_choice_with_its_gain_and_says_how_sure_it_is(command):
    code, out, _ = command("--texts", "my.csv", "--embedder", "hashing", "--labels", "650")
    assert code == 0
    assert "my.csv: 800 texts, embedded by hashing; learned from plots/evidence" in out
    assert "With 650 labels: start from a typiclust pool, then query by badge." in out
    assert "nan" not in out
    assert "Not very: it is learned from 4 tasks." in out
    assert "The best fixed choice, 'TypiClust, then margin', lost" in out
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
    assert "What 150 labels would do is not known: the grid's runs are compared from 300 to 700 labels." in out


def test_gains_between_two_budgets_lie_on_their_line():
    site = {"dataset": "a", "embedder": "e", "ips": "random"}
    arms = pd.DataFrame(
        [site | {"strategy": s, "budget": b, "gain": g} for s, b, g in [
            ("margin", 300, 0.02), ("margin", 700, 0.06), ("random", 300, 0.0), ("random", 700, 0.0),
        ]]
    )  # fmt: skip
    found = recommend.gains_at(arms, 400).set_index("strategy")
    assert found["gain"].to_dict() == pytest.approx({"margin": 0.03, "random": 0.0})
    assert set(found["budget"]) == {400}
    assert recommend.gains_at(arms, 700)["gain"].tolist() == [0.06, 0.0]


def test_the_evidence_of_more_tasks_is_taken_unless_another_is_named(command, project, tmp_path):
    one = pd.read_parquet(project / "plots/evidence/arms.parquet")
    layout.SHIPPED.mkdir()
    for name in ("arms", "diagnostics"):
        table = pd.read_parquet(project / f"plots/evidence/{name}.parquet")
        kept = table[table["dataset"] == one["dataset"].iloc[0]]
        storage.write_table(layout.SHIPPED / f"{name}.parquet", {column: kept[column].to_numpy() for column in kept})
    asked = ("--texts", "my.csv", "--embedder", "hashing", "--labels", "650")
    assert "learned from plots/evidence" in command(*asked)[1]
    code, out, _ = command(*asked, "--evidence", "evidence")
    assert code == 0
    assert "learned from evidence\n" in out
    assert "it is learned from 1 task." in out
    assert "how far off a new task may be is not known from one" in out
    assert "nan" not in out


def test_a_better_fixed_choice_and_texts_unlike_the_grid_are_admitted():
    zero = np.zeros(1)
    rule = Rule([("random", "margin")], ["hubness"], Scale(zero, zero, zero, zero), zero, zero, zero, 3.0, 9)
    policies = pd.DataFrame(
        [("learned rule", 0.02, 0.01, 0.03), ("always margin", 0.005, 0.0, 0.01), ("best in hindsight", 0.0, 0.0, 0.0)],
        columns=["policy", "regret", "lo", "hi"],
    )
    text = "\n".join(recommend.doubts(rule, policies, ["hubness"], False))
    assert "It is learned from 9 tasks." in text
    assert "help to foretell gains on tasks left out, and were used" in text
    assert "this rule lost 2.0 points to the best choice in hindsight (95 %: 1.0 to 3.0)" in text
    assert "'always margin', lost less: 0.5 points" in text
    assert "outside the grid in hubness" in text
