"""What 'check', 'plan' and 'recommend' make of files of one's own."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import yaml

from nofreelunch import params
from nofreelunch.base import layout
from nofreelunch.base.errors import UserError
from nofreelunch.cli import check, estimate, recommend
from nofreelunch.embedders.kinds.npy import Npy
from nofreelunch.tasks.columns import Reading
from nofreelunch.tasks.files import unwatch_lost, watch
from nofreelunch.tasks.spec import FilesTask

SHIPPED = params.load(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write params.yaml with one task of one's own, changed as wanted."""
    monkeypatch.chdir(tmp_path)

    def written(**entry):
        content = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
        content["datasets"]["mine"] = {"source": "files", "train_file": "mine.csv"} | entry
        content["grid"] |= {"datasets": ["mine"], "embedders": ["lsa"]}
        content["focus"]["embedder"] = "lsa"
        content["budget"] |= {"track": "custom", "custom": {"initial": 5, "batch": 5, "rounds": 2}}
        Path("params.yaml").write_text(yaml.safe_dump(content))
        return params.load()

    return written


def write(rows, delimiter=",", encoding="utf-8"):
    lines = "\n".join(delimiter.join(row) for row in [("text", "label"), *rows])
    Path("mine.csv").write_text(lines + "\n", encoding=encoding)


def test_check_reads_every_row_and_says_what_the_stage_says(project, capsys):
    project(drop_incomplete=True)
    write([*((f"über {i}", "ab"[i % 2]) for i in range(40)), ("über 3", "b"), ("", "a")], ";")
    check.run(argparse.Namespace())
    said = capsys.readouterr().out
    assert "mine: 42 rows read; left out: 1 without text or label, 1 with a text that came before" in said
    assert "mine: 30 pool rows, 10 test rows, 2 classes" in said
    assert "reads 'über" in said


@pytest.mark.parametrize(
    ("entry", "rows", "encoding", "said"),
    [
        ({}, [("a", "1"), ("", "2")], "utf-8", r"mine\.csv: line 3 has no text"),
        ({}, [("ü", "1")], "cp1252", "encoding: cp1252"),
        ({"label": "class"}, [("a", "1")], "utf-8", "unknown column 'class'"),
        ({"train_file": "other.csv"}, [], "utf-8", "other.csv does not exist"),
        ({"test_file": "other.csv"}, [("a", "1")], "utf-8", "other.csv does not exist"),
        ({}, [(f"t{i}", "ab"[i % 2]) for i in range(6)], "utf-8", "k₀ = 5 labels .* is more than the pool of mine"),
    ],
)
def test_check_stops_where_the_stages_would(project, entry, rows, encoding, said):
    project(**entry)
    write(rows, encoding=encoding)
    with pytest.raises(UserError, match=said):
        check.run(argparse.Namespace())


def test_plan_counts_the_rows_of_files_that_are_there(project):
    write([("x" * 44, "ab"[i % 2]) for i in range(3)] + [(f"{'y' * 42}{i:02}", "ab"[i % 2]) for i in range(40)])
    size = estimate.task_size(project(train=20), "mine")
    assert (size.train, size.test, size.tokens, size.measured) == (20, 10, pytest.approx(10), True)


@pytest.mark.parametrize("content", [b"PAR1 not really", b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_plan_says_what_download_says_of_a_broken_table(project, content):
    Path("a.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet is no readable parquet file .* Write it again"):
        estimate.task_size(project(train_file="a.parquet"), "mine")


def test_plan_says_what_download_says_of_a_broken_mirror(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOFREELUNCH_DATA_ROOT", str(tmp_path))
    (tmp_path / "trec6").mkdir()
    (tmp_path / "trec6/train.parquet").write_bytes(b"no")
    with pytest.raises(UserError, match="no readable parquet file"):
        estimate.task_size(SHIPPED, "trec6")


@pytest.mark.parametrize("content", [b"no", np.array(1.0), np.ones(4), np.ones((2, 2), int)])
def test_nobody_is_told_to_throw_away_vectors_of_their_own(tmp_path, content):
    path = tmp_path / "v.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(UserError, match=r"v\.npy") as error:
        estimate.dimensions("v", Npy(kind="npy", vectors=str(path), texts="t.csv"), "docs_kind")
    assert "elete" not in str(error.value)


def test_recommend_takes_texts_as_they_stand(tmp_path):
    path = tmp_path / "t.jsonl"
    texts = [f"text {i}" + " " * (i % 2) for i in range(120)]
    path.write_text(
        "\n".join(f'{{"text": "{text}"}}' for text in texts) + '\n{"text": NaN}\n{"text": null}\n{"text": " "}\n'
    )
    assert recommend.read_texts(path, "text") == texts
    path.write_text('{"text": "a"}\n{"text": 5}\n')
    with pytest.raises(UserError, match="line 2: 5 in column 'text' is not a text"):
        recommend.read_texts(path, "text")
    path.with_suffix(".csv").write_bytes(("text;n\n" + "".join(f"süß {i};1\n" for i in range(120))).encode("cp1252"))
    assert len(recommend.read_texts(path.with_suffix(".csv"), "text", Reading("cp1252"))) == 120


def test_links_to_ones_own_files_follow_them_and_never_hold_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("one")
    for spec in (
        FilesTask(source="files", train_file="mine.csv"),
        FilesTask(source="files", train_file=str(tmp_path / "mine.csv")),
    ):
        watch(spec, "mine")
        link = layout.own_file("mine", "train")
        assert link.is_symlink()
        Path("mine.csv").write_text("two")
        assert link.read_text() == "two"
        assert not layout.own_file("mine", "test").is_symlink()
    unwatch_lost(["mine", "absent"])
    assert link.is_symlink()
    Path("mine.csv").rename("gone.csv")
    unwatch_lost(["mine"])
    assert not link.is_symlink()
    watch(SHIPPED.datasets["docs_kind"], "mine")
    assert Path("gone.csv").read_text() == "two"
