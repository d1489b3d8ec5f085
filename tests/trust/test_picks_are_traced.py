"""The texts that a run picked, in order, and where each stands in the file it came from."""

import argparse
import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from nofreelunch.base.errors import UserError
from nofreelunch.cli import picks


def asked(**changes):
    chosen = {"dataset": "own", "embedder": "lsa", "strategy": "margin", "pool": "random", "seed": 0, "csv": None}
    return argparse.Namespace(**chosen | changes)


@pytest.fixture
def done(own):
    """Runs of texts that are not in the order of their file: the file has blank rows, and texts in two lines."""
    params = own.params(grid={"embedders": ["lsa"]}, focus={"embedder": "lsa"})
    lines = Path("train.csv").read_text().splitlines()
    whole = [lines[0], *(f'"{line.partition(",")[0]}\n.",{line.partition(",")[2]}' for line in lines[1:])]
    whole.insert(7, ",c1")
    Path("train.csv").write_text("\n".join(whole) + "\n")
    task = params.datasets["own"].model_copy(update={"drop_incomplete": True, "train": 200})
    params = params.model_copy(update={"datasets": {"own": task}})
    content = params.model_dump(mode="json")
    Path("params.yaml").write_text(yaml.safe_dump(content))
    own.run(params, "download", "embed", "initialize", "active_learn", embedder="lsa")
    return params


def test_picks_are_traced_to_the_lines_of_the_file(done, capsys):
    picks.run(asked(csv=Path("picks.csv")))
    assert "picks.csv: 21 texts" in capsys.readouterr().out
    with Path("picks.csv").open(encoding="utf-8-sig", newline="") as handle:
        found = list(csv.DictReader(handle))
    with Path("train.csv").open(encoding="utf-8", newline="") as handle:
        source = list(csv.DictReader(handle))
    lines = Path("train.csv").read_text().splitlines()
    assert [int(row["pick"]) for row in found] == list(range(1, 22))
    assert [int(row["round"]) for row in found] == [0] * 9 + [1] * 4 + [2] * 4 + [3] * 4
    for row in found:
        assert source[int(row["source_row"])] == {"text": row["text"], "label": row["label"]}
        assert lines[int(row["source_line"]) - 1].lstrip('"') == row["text"].splitlines()[0]
    acquired = pq.read_table("data/runs/own/lsa.acquired.parquet").to_pandas()
    mine = acquired.query("ips == 'random' and strategy == 'margin' and seed == 0").sort_values("rank")
    texts = pq.read_table("data/tasks/own/train.parquet").to_pandas()["text"]
    assert [row["text"] for row in found] == texts.iloc[mine["row"]].tolist()
    picks.run(asked())
    shown = capsys.readouterr().out
    assert "own × lsa: random pool, then margin, seed 0" in shown
    assert len(shown.splitlines()) == 2 + 1 + 21


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "owl"}, "unknown dataset of the grid 'owl'. Did you mean 'own'"),
        ({"embedder": "hashing"}, "unknown embedder of the grid"),
        ({"strategy": "badge"}, "unknown strategy of the grid"),
        ({"pool": "typiclust"}, "unknown pool of the grid"),
        ({"seed": 1}, "--seed must be from 0 to 0, not 1"),
    ],
)
def test_a_run_that_is_none_is_refused(done, changes, said):
    with pytest.raises(UserError, match=said):
        picks.run(asked(**changes))
