"""docs/own_data.md, line by line: from a CSV with quotes and UTF-8 in three classes to metrics and figures."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from dvc_project import ROOT, Project

from nofreelunch import params
from nofreelunch.base.storage import Memo
from nofreelunch.embedders.embed import embed
from nofreelunch.tasks.table import Split

pytestmark = pytest.mark.slow
BLOCKS = re.findall(r"```(bash|yaml)\n(.*?)```", (ROOT / "docs/own_data.md").read_text(encoding="utf-8"), re.DOTALL)


def merge(old, new):
    both = {key: merge(old[key], value) for key, value in new.items() if key in old and isinstance(value, dict)}
    return old | new | both


def test_the_lines_of_the_page_lead_from_a_file_to_the_report(tmp_path):
    project = Project(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    environment = project.environment | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    said = ""
    for kind, text in BLOCKS:
        if kind == "yaml":
            path = tmp_path / "params.yaml"
            path.write_text(yaml.safe_dump(merge(yaml.safe_load(path.read_text()), yaml.safe_load(text))))
        else:
            done = subprocess.run(
                ["bash", "-e"], input=text, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            said += done.stdout
    with (tmp_path / "my_texts.csv").open(encoding="utf-8", newline="") as handle:
        classes = sorted({row["kind"] for row in csv.DictReader(handle)})
    card = json.loads((tmp_path / "data/tasks/my_texts/card.json").read_text(encoding="utf-8"))
    assert card["classes"] == classes == ["Zahlen für alles", 'tables, "frames"', "数式処理"]
    for embedder in ("lsa", "my_vectors"):
        runs = pq.read_table(tmp_path / f"data/runs/my_texts/{embedder}.parquet").to_pandas()
        assert sorted(runs["labels"].unique()) == [15 * i for i in range(1, 10)]
        assert runs.query("labels == 135")["accuracy"].mean() > 0.42
        assert (tmp_path / f"metrics/{embedder}.json").is_file()
        assert f"metrics/{embedder}.json" in said
    assert (tmp_path / "picks.csv").is_file()
    assert list((tmp_path / "plots/figures").iterdir())


def test_the_stage_labels_pairs_by_the_names_of_their_columns(tmp_path):
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    pair = {"text": "question", "text_pair": "answer", "pair_format": "labelled", "test_file": "own.csv"}
    content["datasets"]["own"] = {"source": "files", "train_file": "own.csv", "deduplicate": False, **pair}
    content["grid"]["datasets"] = ["own"]
    (tmp_path / "own.csv").write_text("question,answer,label\n" + "".join(f"q{i},a{i},{i % 2}\n" for i in range(200)))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    code = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    environment = os.environ | {"PYTHONPATH": code, "NOFREELUNCH_CACHE": str(tmp_path / "memo")}
    for stage in (["download", "own"], ["embed", "own", "hashing"]):
        subprocess.run(
            [sys.executable, "-m", f"stages.{stage[0]}", *stage[1:]], cwd=tmp_path, env=environment, check=True
        )
    hashing = params.load(tmp_path / "params.yaml").embedders["hashing"]
    texts = Split([f"question: q{i}\nanswer: a{i}" for i in range(200)], None, np.zeros(200, np.int64))
    embed(hashing, texts, texts, "joined", Memo(tmp_path / "other"), "own").write(
        {split: tmp_path / f"{split}.npy" for split in ("train", "test")}
    )
    assert (tmp_path / "train.npy").read_bytes() == (tmp_path / "data/embeddings/own/hashing.train.npy").read_bytes()
