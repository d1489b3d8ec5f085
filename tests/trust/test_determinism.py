"""The same bytes whatever else is computed, in which order, by how many processes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from threadpoolctl import threadpool_limits

from nofreelunch.base import layout, storage
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.strategies import STRATEGIES

ROOT = Path(__file__).parents[2]
GRIDS = {
    "small": {"pools": ["random"], "strategies": ["random", "badge"], "seeds": 1},
    "another pool": {"pools": ["typiclust", "random"], "strategies": ["random", "badge"], "seeds": 1},
    "more seeds": {"pools": ["random"], "strategies": ["random", "badge"], "seeds": 3},
    "every strategy": {"pools": ["random"], "strategies": [*reversed(STRATEGIES)], "seeds": 1},
    "every pool": {"pools": [*reversed(POOLS)], "strategies": ["badge", "random"], "seeds": 2},
}


def curves(table, columns):
    """What each (ips, strategy, seed) has in ``columns``."""
    found = {}
    for keys in zip(*(table[name].tolist() for name in ("ips", "strategy", "seed", *columns)), strict=True):
        found.setdefault(keys[:3], []).append(keys[3:])
    return found


def test_what_is_added_to_the_grid_changes_no_run_that_was_there(own, monkeypatch):
    known = {}
    for name, grid in GRIDS.items():
        monkeypatch.setenv("NOFREELUNCH_CACHE", name)
        own.run(own.params(grid=grid))
        picks = curves(storage.read_table(layout.acquired("own", "vectors")), ("round", "rank", "row"))
        scores = curves(storage.read_table(layout.runs("own", "vectors")), ("round", "accuracy", "nll", "ece"))
        for run in picks:
            assert known.setdefault(run, (picks[run], scores[run])) == (picks[run], scores[run]), (name, run)
    assert len(known) > 20


@pytest.mark.parametrize("first", [0, 1])
def test_runs_of_one_seed_share_their_start_and_seeds_differ(own, first):
    own.run(own.params(grid={"strategies": ["random", "margin", "badge"], "seeds": 2}))
    starts = {}
    for run, picked in curves(storage.read_table(layout.acquired("own", "vectors")), ("round", "row")).items():
        starts.setdefault(run[2], set()).add(tuple(row for number, row in picked if number == 0))
    assert len(starts[first]) == 1
    assert starts[0] != starts[1]


def stage(name, *names, **environment):
    command = [sys.executable, "-m", f"stages.{name}", *names]
    paths = {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    subprocess.run(command, check=True, env=os.environ | paths | environment, capture_output=True)


def test_hash_seed_workers_and_blas_threads_change_no_byte(own):
    grid = {"strategies": ["random", "badge", "typiclust", "bait", "dropquery"], "seeds": 3, "pools": ["typiclust"]}
    params = own.params(grid=grid)
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
    own.run(params, "download", "embed")
    files = []
    for number, (seed, jobs, threads) in enumerate((("0", "1", "1"), ("1234", "2", "2"))):
        blas = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        settings = blas | {"PYTHONHASHSEED": seed, "NOFREELUNCH_JOBS": jobs, "NOFREELUNCH_CACHE": f"memo{number}"}
        for name in ("initialize", "active_learn"):
            stage(name, "own", "vectors", **settings)
        made = [*Path("data/pools").rglob("*"), *Path("data/runs").rglob("*")]
        files.append({str(p): p.read_bytes() for p in made if p.is_file()})
    assert len(files[0]) == 7
    assert files[0] == files[1]


def test_blas_and_torch_threads_change_no_byte_of_an_embedding(own, monkeypatch):
    """Without its limit to one BLAS thread, LSA differs here in the last bits of some values."""
    import torch

    shipped = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["embedders"]
    embedders = {"lsa": {"kind": "lsa", "dim": 384}, "minilm": shipped["minilm"]}
    words = np.random.default_rng(0).zipf(1.4, (len(own.texts["train"]), 6)) % 900
    own.texts["train"] = [f"{i} " + " ".join(f"w{word}" for word in row) for i, row in enumerate(words.tolist())]
    own.write()
    params = own.params(embedders=embedders)
    own.run(params, "download")
    before = torch.get_num_threads()
    files = []
    for threads in (1, 2):
        monkeypatch.setenv("NOFREELUNCH_CACHE", f"memo{threads}")
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            for embedder in embedders:
                own.run(params, "embed", embedder=embedder)
        files.append({path.name: path.read_bytes() for path in Path("data/embeddings").rglob("*.npy")})
    torch.set_num_threads(before)
    assert len(files[0]) == 4
    assert files[0] == files[1]
