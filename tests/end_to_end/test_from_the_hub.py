"""A task and a model from a hub on the loopback, by the unmodified client libraries, to a learning curve."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2]
CODE = os.pathsep.join((str(PROJECT / "src"), str(PROJECT)))


def test_from_the_hub_to_a_learning_curve(hub, parquet, model, tmp_path):
    revision, _ = model
    labels = [i % 2 for i in range(60)]
    texts = {
        split: [f"{split}: {'good' if i % 2 else 'bad'} film {i}" for i in range(60)] for split in ("train", "test")
    }
    files = {f"data/{split}.parquet": parquet({"text": texts[split], "label": labels}) for split in texts}
    data = hub.commit("dataset", "me/tiny", files)
    content = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    # Newer commits, which are not to be read.
    hub.commit("dataset", "me/tiny", {"README.md": b"# Empty"})
    hub.commit("model", "me/tiny-bert", {"config.json": b"{}"})
    content["datasets"] = {"tiny": {"source": "hub", "hub": "me/tiny", "revision": data}}
    pinned = {"hub": "me/tiny-bert", "revision": revision, "max_tokens": 16}
    content["embedders"] = {"tiny_bert": {"kind": "transformer", **pinned}}
    content["grid"] |= {"datasets": ["tiny"], "embedders": ["tiny_bert"], "seeds": 2}
    content["focus"]["embedder"] = "tiny_bert"
    content["budget"] |= {"track": "custom", "custom": {"initial": 4, "batch": 4, "rounds": 3}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    environment = os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "PYTHONPATH": CODE,
        "NOFREELUNCH_CACHE": str(tmp_path / "memo"),
        "NOFREELUNCH_JOBS": "1",
    }
    for stage in ("download", "embed", "initialize", "active_learn"):
        names = ["tiny"] if stage == "download" else ["tiny", "tiny_bert"]
        command = [sys.executable, "-m", f"stages.{stage}", *names]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert f'"revision": "{data}"' in (tmp_path / "data/tasks/tiny/card.json").read_text()
    assert f'"revision": "{revision}"' in (tmp_path / "data/embeddings/tiny/tiny_bert.json").read_text()
    runs = pq.read_table(tmp_path / "data/runs/tiny/tiny_bert.parquet").to_pandas()
    assert sorted(runs["labels"].unique()) == [4, 8, 12, 16]
    assert runs["accuracy"].between(0, 1).all()
