"""What choosing C by cross-validation costs: the runs of a cell with C = cv against the same runs with a fixed C.

Run after `dvc repro embed`: python -m benchmarks.choice                  (the cells and budget of params.yaml; 1 seed)
                             python -m benchmarks.choice --folder F --cells task/embedder,…

CPU seconds of one process for all strategies of the grid from a random start, and for the full-pool probe, at C = 10,
C = 100 and C = cv. A larger C costs more by itself, whoever chooses it.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.machine import clock, describe
from nofreelunch import params
from nofreelunch.cells.simulation import Cell, Run, probe, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.scaling import scale
from nofreelunch.selection.strategies import parts

PENALTIES = (10.0, 100.0, "cv")


def seconds(folder: Path, task: str, embedder: str, loaded: params.Params) -> dict[str, float]:
    """CPU seconds of the runs and the probe by C."""
    said = json.loads((folder / task / f"{embedder}.labels.json").read_text(encoding="utf-8"))
    pool, test = (np.load(folder / task / f"{embedder}.{split}.npy") for split in ("train", "test"))
    labels, truth, classes = np.array(said["train"]), np.array(said["test"]), len(said["classes"])
    budget = loaded.rounds(task, classes)
    start = np.random.default_rng(0).permutation(len(pool))[: budget.initial]
    runs = [
        Run(
            ips="random",
            strategy=name,
            seed=0,
            initial=start,
            entry=entry,
            options=options,
            batch=budget.batch,
            rounds=budget.rounds,
        )
        for name, (entry, options, _) in ((name, parts(loaded.strategies[name])) for name in loaded.grid.strategies)
    ]
    spent = {}
    for C in PENALTIES:
        head = LogisticSpec(C=C)  # type: ignore[arg-type]
        started = clock()
        cell = Cell.of(task, embedder, *scale(pool, test, head.scaling, centre=head.centre), truth, classes, head)
        simulate(cell, lambda rows, seed: labels[rows], runs)
        probe(cell, labels)
        spent[f"C = {C}"] = clock() - started
    return spent


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--folder", type=Path, default=Path("data/embeddings"))
    flags.add_argument("--cells", help="task/embedder, separated by commas; by default those of the grid")
    chosen = flags.parse_args()
    loaded = params.load()
    grid = itertools.product(loaded.grid.datasets, loaded.grid.embedders)
    cells = [name.split("/") for name in chosen.cells.split(",")] if chosen.cells else [list(cell) for cell in grid]
    print(describe(), "\n")
    with threadpool_limits(1):
        spent = {"/".join(cell): seconds(chosen.folder, *cell, loaded) for cell in cells}
    table = pd.DataFrame(spent).T
    table.loc["all"] = table.sum()
    table["cv / 10"], table["cv / 100"] = table["C = cv"] / table["C = 10.0"], table["C = cv"] / table["C = 100.0"]
    print(table.round(2).to_markdown())


if __name__ == "__main__":
    main()
