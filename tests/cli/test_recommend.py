import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

import synthetic_runs

from nofreelunch import params
from nofreelunch.base import layout
from nofreelunch.base.errors import UserError
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
    rows = [f"{words[i % 7]} {words[i // 7 % 7]} {words[i // 49 % 7]} thing {i}" for i in range(150)]
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
    assert "my.csv: 150 texts, embedded by hashing" in out
    assert (
        "With 700 labels (the grid's budget nearest to 650): start from a typiclust pool, then query by badge." in out
    )
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


def test_without_a_summary_it_says_how_to_get_one(command, tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "SUMMARY", tmp_path)
    code, _, err = command("--texts", "my.csv")
    assert code == 1
    assert "dvc repro" in err


def test_the_nearest_budget_is_taken():
    assert recommend.nearest_budget([600, 1100, 1600], None) == 1100
    assert recommend.nearest_budget([600, 1100, 1600], 10) == 600
    assert recommend.nearest_budget([600, 1100, 1600], 900) == 1100
    with pytest.raises(UserError):
        recommend.nearest_budget([600], -1)


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
