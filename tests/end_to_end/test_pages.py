"""docs/own_data.md and docs/label.md, line by line: from a file of texts to metrics and figures, and to a model."""

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


# Both pages begin with it, so that it is done once.
DOWNLOAD = "python -m stages.download docs_library\n"


def blocks(page):
    """(kind, text) of each block of code of a page, without what is done already."""
    found = re.findall(r"```(bash|yaml)\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found[0][1].startswith(DOWNLOAD)
    return [(kind, text.removeprefix(DOWNLOAD)) for kind, text in found]


def shipped(folder):
    """A project with the shipped params.yaml."""
    made = Project(folder)
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    return made


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory):
    """What `DOWNLOAD` wrote."""
    made = shipped(tmp_path_factory.mktemp("downloaded"))
    say(made, DOWNLOAD)
    return made.folder / "data"


@pytest.fixture
def project(tmp_path, downloaded):
    shutil.copytree(downloaded, tmp_path / "data")
    return shipped(tmp_path)


def say(project, text):
    """What the lines of a block of bash print."""
    environment = project.environment | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e"], input=text, cwd=project.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, text + done.stdout + done.stderr
    return done.stdout


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def merge(old, new):
    both = {key: merge(old[key], value) for key, value in new.items() if key in old and isinstance(value, dict)}
    return old | new | both


def test_the_lines_of_own_data_lead_from_a_file_to_the_report(project, tmp_path):
    """From a CSV with quotes and UTF-8 in three classes to metrics and figures."""
    said = ""
    for kind, text in blocks("own_data.md"):
        if kind == "yaml":
            path = tmp_path / "params.yaml"
            path.write_text(yaml.safe_dump(merge(yaml.safe_load(path.read_text()), yaml.safe_load(text))))
        else:
            said += say(project, text)
    classes = sorted({row["kind"] for row in rows_of(tmp_path / "my_texts.csv")})
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


def test_the_lines_of_label_lead_from_a_file_to_a_model(project, tmp_path):
    """From a file of texts to a model, its accuracy and its predictions."""
    # A model that no test need fetch, in the place of MiniLM.
    content = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
    content["focus"]["embedder"] = "lsa"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    said = "".join(say(project, text) for kind, text in blocks("label.md") if kind == "bash")
    mine, truth = (rows_of(tmp_path / name) for name in ("my_texts.csv", "all_answers.csv"))
    assert [row["description"] for row in mine] == [row["description"] for row in truth]
    assert all(row["kind"] in ("", true["kind"]) for row, true in zip(mine, truth, strict=True))
    assert sum(bool(row["kind"]) for row in mine) == 40 + 3 * 50
    assert max(map(int, re.findall(r"from (\d+) audited texts", said))) >= 30
    assert "Go on (labels>=500)" in said
    assert "hours saved" in said
    assert len(json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))) == 50
    assert "Estimate(value=" in said
    assert "What would more labels bring?" in (tmp_path / "my_texts.report.html").read_text(encoding="utf-8")


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
