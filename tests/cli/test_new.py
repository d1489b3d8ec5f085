"""A project of one's own: its params.yaml, its files, and refusals. What it computes: end_to_end/test_pipeline.py."""

import subprocess
from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from nofreelunch import params
from nofreelunch.base import layout
from nofreelunch.base.errors import UserError
from nofreelunch.cli import new
from nofreelunch.cli.yaml_edit import replace_section

PROJECT = Path(__file__).parents[2]
SHIPPED = (PROJECT / "params.yaml").read_text(encoding="utf-8")


def arguments(folder, texts=None):
    return Namespace(folder=Path(folder), texts=texts, text="text", label="label")


def test_only_the_datasets_and_their_list_are_replaced():
    text = new.own_params(SHIPPED, None, "words", "kind")
    old, made = yaml.safe_load(SHIPPED), yaml.safe_load(text)
    assert made.pop("datasets") == {
        "my_texts": {"source": "files", "train_file": "my_texts.csv", "text": "words", "label": "kind"}
    }
    assert made["grid"].pop("datasets") == ["my_texts"]
    del old["datasets"], old["grid"]["datasets"]
    assert made == old
    assert "# Newer or smaller ones." in text


def test_names_that_yaml_would_take_for_something_else_stay_names(tmp_path):
    file = tmp_path / "no: #1, {yes}.csv"
    text = new.own_params(SHIPPED, file, "no", "1")
    task = params.checked(yaml.safe_load(text), Path("params.yaml")).datasets["my_texts"]
    assert (task.train_file, task.text, task.label) == (file.as_posix(), "no", "1")


def test_a_section_is_replaced_and_its_neighbours_stay():
    text = "a: 1\n# of b\nb:\n  x: {k: 1}\n  # of y\n  y: {k: 2}\n\n# of c\nc: 3\n"
    assert replace_section(text, "b", {"z": {"k": "v"}}) == "a: 1\n# of b\nb:\n  z: {k: v}\n\nc: 3\n"


def test_a_project_is_a_repository_with_the_pipeline_and_no_results(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    new.run(arguments("mine"))
    made = tmp_path / "mine"
    assert (made / "dvc.yaml").read_bytes() == (PROJECT / "dvc.yaml").read_bytes()
    assert (made / "stages/embed.py").is_file()
    assert (made / ".dvc/plots/curve_band.json").is_file()
    assert (made / ".git").is_dir()
    assert not [name for name in ("data", "metrics", "plots", "dvc.lock", ".dvc/cache") if (made / name).exists()]
    said = capsys.readouterr().out
    assert "put my_texts.csv there, with the columns 'text' and 'label'" in said
    assert (made / layout.SHIPPED).is_dir() == ("no evidence" not in said)
    with pytest.raises(UserError, match="mine is there already"):
        new.run(arguments("mine"))


def test_within_another_repository_it_stays_out_of_that_ones_status(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    for name in ("one", "deeper/two"):
        Path(name).parent.mkdir(exist_ok=True)
        new.run(arguments(name))
    status = subprocess.run(["git", "status", "--porcelain"], check=True, capture_output=True, text=True).stdout
    assert status == ""
    exclude = (tmp_path / ".git/info/exclude").read_text().splitlines()
    assert exclude[-2:] == ["/one/", "/deeper/two/"]


def test_without_a_checkout_there_is_nothing_to_start_from(tmp_path, monkeypatch):
    monkeypatch.setattr(new, "ROOT", tmp_path / "site-packages" / "nofreelunch")
    with pytest.raises(UserError, match="is no checkout of the repository"):
        new.run(arguments(tmp_path / "mine"))
