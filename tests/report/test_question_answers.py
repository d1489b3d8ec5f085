"""The further questions of a folder: which can be answered, with which tables and figures, to the same bytes."""

import itertools

import numpy as np
import pandas as pd
import yaml

from nofreelunch.base import provenance, storage
from nofreelunch.evaluation import questions as asked
from nofreelunch.evaluation.collected import Collected
from nofreelunch.params import Params
from nofreelunch.report import questions

TASKS, LADDER = ["a", "b", "c"], ["mpnet_l3", "mpnet_l6", "mpnet"]
NOTHING = pd.DataFrame()
CODES = [("random", "ours"), ("badge", "ours"), ("badge", "x")]


def wanted():
    content = yaml.safe_load((provenance.ROOT.parents[1] / "params.yaml").read_text(encoding="utf-8"))
    content["grid"]["embedders"] = ["hashing", *LADDER]
    content["grid"]["strategies"] = ["random", "margin", "typiclust"]
    content["focus"]["embedder"] = "mpnet"
    return Params.model_validate(content)


def collected():
    rng = np.random.default_rng(0)
    axes = itertools.product(
        TASKS, LADDER, ["random", "typiclust"], ["random", "margin", "typiclust"], range(2), range(4)
    )
    columns = ["dataset", "embedder", "ips", "strategy", "seed", "round"]
    frame = pd.DataFrame(list(axes), columns=columns).sort_values(columns, ignore_index=True)
    frame = frame.assign(labels=10 * (frame["round"] + 1), accuracy=rng.uniform(0.4, 0.8, len(frame)))
    probes = pd.DataFrame(itertools.product(TASKS, LADDER), columns=columns[:2])
    probes = probes.assign(accuracy=0.9, quality=rng.uniform(0.5, 0.9, len(probes)))
    return Collected(frame, probes, NOTHING, NOTHING, NOTHING, NOTHING, {})


def keep_others(runs):
    tables = {
        "transfer": (asked.TRANSFER, [(t, c, le, s, 0, 20, 0.5) for t in TASKS for c in "AB" for le in "AB"
                                      for s in ("random", "margin")]),
        "implementation": (asked.IMPLEMENTATION, [(t, "e", s, code, 0, 0.5) for t in TASKS
                                                  for s, code in CODES]),
        "budget": (asked.BUDGET, [(t, "e", budget, s, 0, 0.5) for t in TASKS
                                  for budget in (asked.OWN, asked.PAPERS) for s in ("random", "margin")]),
        "noise": (asked.NOISE, [(t, "e", kind, rate, s, 0, 0.5) for t in TASKS
                                for kind, rate in (("none", 0.0), ("next", 0.2)) for s in ("random", "margin")]),
    }  # fmt: skip
    for name, (columns, rows) in tables.items():
        frame = pd.DataFrame(rows, columns=list(columns))
        storage.write_table(runs / f"{name}.parquet", {column: frame[column].to_numpy() for column in columns})


def test_depths_are_those_of_one_model():
    assert questions.depths_of(wanted()) == LADDER
    plain = wanted()
    other = plain.model_copy(update={"grid": plain.grid.model_copy(update={"embedders": ["lsa", "mpnet_l3"]})})
    assert questions.depths_of(other) == []


def test_what_can_be_answered_is_to_the_same_bytes(tmp_path):
    alone = questions.write(collected(), wanted(), tmp_path / "few", tmp_path / "few", tmp_path / "runs")
    assert alone == 2
    keep_others(tmp_path / "runs")
    for place in ("one", "two"):
        folder = tmp_path / place
        assert questions.write(collected(), wanted(), folder, folder, tmp_path / "runs") == 6
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / place).iterdir()} for place in ("one", "two"))
    assert one == two
    assert {"crossing.csv", "layers.md", "transfer.csv", "implementation.csv", "budget.csv", "noise.csv"} <= one.keys()
    assert sum(name.startswith("question_") and name.endswith(".png") for name in one) == 6
