"""`label` killed by the system at moments of its run: the user's file is the old one or the merged one, never less."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "nofreelunch", "label", "my.csv", "--embedder", "hashing", "--batch", "20")
WORDS = (["pot", "soup", "salt"], ["tree", "soil", "leaf"])


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def start(folder, *more):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NOFREELUNCH_JOBS": "1"}
    return subprocess.Popen(
        [*COMMAND, *more], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finished(folder, *more):
    began, run = time.monotonic(), start(folder, *more)
    _, errors = run.communicate()
    assert run.returncode == 0, errors
    return time.monotonic() - began


def test_a_killed_label_loses_no_answer_and_goes_on(tmp_path):
    rng, mine = random.Random(0), tmp_path / "my.csv"
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    kinds = [i % 2 for i in range(200)]
    texts = [" ".join(rng.choices(WORDS[kind], k=5)) + f" {i}" for i, kind in enumerate(kinds)]
    with mine.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([("text", "label", "note"), *((text, "", 'ü, "x"') for text in texts)])
    seconds = finished(tmp_path)
    answered = tmp_path / "answered.csv"
    listed = rows_of(tmp_path / "my.next.csv")
    truth = {text: str(kind) for text, kind in zip(texts, kinds, strict=True)}
    for row in listed:
        row["label"] = truth[row["text"]]
    with answered.open("w", encoding="utf-8", newline="") as handle:
        table = csv.DictWriter(handle, list(listed[0]))
        table.writeheader()
        table.writerows(listed)

    before = mine.read_bytes()
    states = set()
    for share in (0.3, 0.6, 0.75, 0.9):
        run = start(tmp_path, "--merge", "answered.csv")
        time.sleep(share * seconds)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        rows = rows_of(mine)
        assert [row["text"] for row in rows] == texts
        given = {row["text"]: row["label"] for row in rows if row["label"]}
        assert given in ({}, {row["text"]: row["label"] for row in listed})
        states.add(mine.read_bytes())
    assert len(states | {before}) <= 2

    finished(tmp_path, "--merge", "answered.csv")
    assert sum(bool(row["label"]) for row in rows_of(mine)) == len(listed) == 20
    following = {row["text"] for row in rows_of(tmp_path / "my.next.csv")}
    assert len(following) == 20
    assert not following & {row["text"] for row in listed}
    assert not list(tmp_path.rglob("*.tmp"))
