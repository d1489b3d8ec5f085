"""`python -m benchmarks.host_work` on tiny shapes."""

import sys

import torch

from benchmarks import host_work
from nofreelunch.space.device import VARIABLE


def test_operations_copies_and_seconds_of_each_strategy(monkeypatch, capsys):
    monkeypatch.setattr(host_work, "COUNTED", 100)
    monkeypatch.setattr(host_work, "BATCH", 5)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setenv(VARIABLE, "cpu")
    arguments = ["-n", "200", "-d", "6", "-C", "3", "--runs", "2", "--only", "margin,bait"]
    monkeypatch.setattr(sys, "argv", ["host_work", *arguments])
    host_work.main()
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith(("| m", "| b"))]
    assert [row[0].strip() for row in rows] == ["margin", "bait"]
    for row in rows:
        operations, copies, size, inside, _ = map(float, row[1:])
        assert operations > copies > 0
        assert size > 0
        assert inside > 0
