"""`python -m benchmarks.device` from end to end on tiny shapes, and what it says where there is nothing to measure."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import device
from nofreelunch.base.storage import write_table

ROOT = Path(__file__).parents[1]
STRATEGIES = ["random", "margin", "coreset", "badge", "typiclust", "dropquery", "alfamix", "bait", "all"]


@pytest.fixture
def benchmark(monkeypatch):
    """Runs it with some arguments, its processes for learning with the same code."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["device", *arguments])
        device.main()

    return run


def test_both_tables_come_out_whole(benchmark, tmp_path, capsys):
    words = ("the", "bank", "took", "my", "card", "and", "won't", "say", "why", "or", "when", "it", "comes", "back")
    texts = [" ".join([*words[i % 7 : 3 + i % 13], f"{i}"]) for i in range(120)]
    for task in ("ag_news", "yelp5", "banking77"):
        write_table(tmp_path / task / "train.parquet", {"text": texts})
    out = tmp_path / "device.json"
    benchmark("--device", "torch", "--small", "--data", str(tmp_path), "--out", str(out))
    found = json.loads(out.read_text())
    assert [(row["shape"], row["task"]) for row in found["embedding"]] == [
        (shape, task) for shape in ("small BERT", "small Qwen2") for task in ("ag_news", "yelp5", "banking77")
    ]
    for row in found["embedding"]:
        assert row["smallest_cosine"] > 0.98
        assert row["ratio"] == pytest.approx(row["ours"] / row["theirs"])
        assert row["texts"] == 96
    assert [row["strategy"] for row in found["learning"]] == STRATEGIES
    assert all(row["ratio"] == pytest.approx(row["host"] / row["device"]) for row in found["learning"])
    assert found["peaks"].keys() == {"bfloat16", "float32"}
    assert capsys.readouterr().out.count("\n| ") == 6 + 9 + 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_there_is_nothing_to_measure(benchmark):
    with pytest.raises(SystemExit, match=r"no CUDA device here.* --device torch --small"):
        benchmark()
    with pytest.raises(SystemExit, match="add --small"):
        benchmark("--device", "torch")
