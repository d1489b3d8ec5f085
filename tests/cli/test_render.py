import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

import synthetic_runs

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.cli.render import render, run
from nofreelunch.evaluation.collected import Collected, keep, kept, summary_of

SHIPPED = Path(__file__).parents[2] / "params.yaml"
GRID = {
    "datasets": ["docs_kind", "docs_param"],
    "embedders": ["lsa", "minilm"],
    "pools": ["random", "typiclust"],
    "strategies": ["random", "margin", "badge"],
    "seeds": 3,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """(folder with params.yaml and runs/, its parameters, what was kept)"""
    folder = tmp_path_factory.mktemp("study")
    content = yaml.safe_load(SHIPPED.read_text())
    content["grid"] = GRID
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    wanted = params.load(folder / "params.yaml")
    runs, *rest = synthetic_runs.make(*GRID.values(), rounds=4)
    ends = runs[runs["strategy"] != "random"].groupby(["dataset", "embedder", "ips", "strategy"], observed=True)
    gains = ends["accuracy"].mean().reset_index()
    plain = gains.astype(dict.fromkeys(("dataset", "embedder", "ips", "strategy"), object)).drop(columns="accuracy")
    collected = Collected(
        runs, *rest, tasks=synthetic_runs.NO_TASKS, intervals={"strategy_gains": plain.assign(lo=-0.01, hi=0.0123456)}
    )
    keep(collected, folder / "runs")
    return folder, wanted, collected


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_kept_comes_back_and_gives_the_same_summary(study):
    folder, wanted, collected = study
    found = kept(folder / "runs", wanted.grid)
    pd.testing.assert_frame_equal(found.runs, collected.runs, atol=1e-4, rtol=0)
    pd.testing.assert_frame_equal(found.picks, collected.picks, atol=1e-4, rtol=0)
    pd.testing.assert_frame_equal(found.probes, collected.probes)
    assert len(found.clones) == 0
    one, other = (summary_of(part, wanted).tables for part in (collected, found))
    assert one.keys() == other.keys()
    exact = [table["ranks"].query("metric in ('accuracy', 'held_accuracy')") for table in (one, other)]
    pd.testing.assert_frame_equal(*exact)
    assert one["ranks"]["aulc"].to_numpy() == pytest.approx(other["ranks"]["aulc"].to_numpy(), abs=1e-4)
    assert (other["strategy_gains"].query("metric == 'accuracy'")["hi"] == 0.0123).all()


def test_everything_is_made_in_the_folder_and_is_the_same_bytes_twice(study, tmp_path, monkeypatch):
    folder, _, collected = study
    monkeypatch.chdir(tmp_path)
    assert render(folder)[0] == len(collected.runs)
    first = files(folder)
    assert {"report.html", "curves.csv", "metrics/focus.json", "summary/claims.json", "evidence/arms.parquet"} <= (
        first.keys()
    )
    assert any(name.startswith("figures/answers.") for name in first)
    assert not list(tmp_path.iterdir())
    render(folder)
    assert files(folder) == first


def test_a_folder_without_parameters_or_with_too_few_runs_is_refused(study, tmp_path, monkeypatch):
    folder, wanted, _ = study
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--collect"):
        run(SimpleNamespace(folder=tmp_path / "none", collect=False))
    more = wanted.grid.model_copy(update={"seeds": 4})
    with pytest.raises(UserError, match="runs are missing"):
        kept(folder / "runs", more)


def test_a_part_of_the_grid_may_be_rendered(study):
    folder, wanted, collected = study
    less = {"datasets": ["docs_param"], "strategies": ["random", "badge"], "seeds": 2}
    grid = wanted.grid.model_copy(update=less)
    found = kept(folder / "runs", grid)
    runs = collected.runs.query("dataset == 'docs_param' and strategy in ('random', 'badge') and seed < 2")
    assert len(found.runs) == len(runs)
    assert found.runs["accuracy"].tolist() == runs["accuracy"].tolist()
    assert list(found.picks["strategy"].cat.categories) == ["", "random", "badge"]
    tables = summary_of(found, wanted.model_copy(update={"grid": grid})).tables
    assert set(tables["ranks"]["dataset"]) == {"docs_param"}
