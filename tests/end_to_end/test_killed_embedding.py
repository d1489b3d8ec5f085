"""Kill -9 in the middle of embedding, then the same command again."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
CODE = os.pathsep.join((str(PROJECT / "src"), str(PROJECT)))
sys.path.append(str(PROJECT / "tests" / "embedders"))

pytestmark = pytest.mark.slow
TEXTS, KILLED_AFTER = 5_000, 3


@pytest.fixture
def stage(tmp_path):
    """Start a stage of a project with a task of ``TEXTS`` distinct texts and a model with random weights."""
    from tiny_models import WORDS, save_sentence_model

    content = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    content["datasets"] = {"own": {"source": "files", "train_file": "own.csv"}}
    hub = str(save_sentence_model(tmp_path / "made"))
    content["embedders"] = {"tiny": {"kind": "transformer", "hub": hub, "max_tokens": 32}}
    content["grid"] |= {"datasets": ["own"], "embedders": ["tiny"]}
    content["focus"]["embedder"] = "tiny"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    rows = (f"{' '.join(WORDS[i % 7 : i % 29 + 9])} {i},{i % 2}\n" for i in range(TEXTS))
    (tmp_path / "own.csv").write_text("text,label\n" + "".join(rows))

    def start(name, *names, memo="memo"):
        environment = os.environ | {
            "PYTHONPATH": CODE,
            "NOFREELUNCH_CACHE": str(tmp_path / memo),
        }
        command = [sys.executable, "-m", f"stages.{name}", *names]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)

    assert start("download", "own").wait() == 0
    return start


def chunks(folder):
    found = [path for path in folder.glob("*/*") if not path.name.startswith(".")]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_no_text_is_encoded_twice_but_those_of_the_open_chunk(stage, tmp_path):
    running = stage("embed", "own", "tiny")
    deadline = time.monotonic() + 120
    while len(chunks(tmp_path / "memo")) < KILLED_AFTER and time.monotonic() < deadline:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    kept = chunks(tmp_path / "memo")
    assert len(kept) >= KILLED_AFTER
    assert not list((tmp_path / "data/embeddings").rglob("*.npy"))

    again = stage("embed", "own", "tiny")
    said = again.communicate()[1]
    assert again.returncode == 0, said
    known = int(re.search(r"([\d,]+) of them known", said)[1].replace(",", ""))
    assert 0 < known < TEXTS
    after = chunks(tmp_path / "memo")
    assert {name: after[name] for name in kept} == kept
    assert len(after) > len(kept)

    resumed = {path.name: path.read_bytes() for path in tmp_path.glob("data/embeddings/own/*.npy")}
    assert stage("embed", "own", "tiny", memo="other").wait() == 0
    assert chunks(tmp_path / "other").keys() == after.keys()
    assert {path.name: path.read_bytes() for path in tmp_path.glob("data/embeddings/own/*.npy")} == resumed
    assert not list(tmp_path.rglob("*.tmp"))
