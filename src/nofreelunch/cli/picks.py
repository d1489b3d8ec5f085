"""List the texts that a run picked, in order, each with its place in the file it came from."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nofreelunch import params
from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.cli.command import must_be_in_grid
from nofreelunch.cli.text_table import text_table
from nofreelunch.params import Params

if TYPE_CHECKING:
    from nofreelunch.tasks.table import Split

WIDTH = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and where to write it."""
    parser.add_argument("dataset", metavar="TASK", help="a name from grid.datasets")
    parser.add_argument("embedder", metavar="EMBEDDER", help="a name from grid.embedders")
    parser.add_argument("--strategy", help="a name from grid.strategies (default: the first)")
    parser.add_argument("--pool", help="a name from grid.pools (default: the first)")
    parser.add_argument("--seed", type=int, default=0, help="from 0 to one less than grid.seeds (default: 0)")
    parser.add_argument("--csv", type=Path, help="write the whole texts into this file instead of showing their starts")


def run(arguments: argparse.Namespace) -> None:
    """Print the picks of one run as a table, or write them."""
    loaded = params.load()
    dataset, embedder = arguments.dataset, arguments.embedder
    must_be_in_grid(loaded.grid, "dataset", dataset)
    must_be_in_grid(loaded.grid, "embedder", embedder)
    pool, strategy = _run_of(loaded, arguments)
    from nofreelunch.tasks.table import read_split

    rows = picked(dataset, embedder, pool, strategy, arguments.seed)
    split = read_split(dataset, "train")
    if rows and max(row for _, row in rows) >= len(split):
        raise UserError(
            f"the runs of {dataset} × {embedder} were made from other texts than {layout.task_split(dataset, 'train')} "
            "holds. Run 'dvc repro'."
        )
    classes = storage.read_json(layout.task_card(dataset))["classes"]
    header, table = listed(rows, split, classes)
    if arguments.csv is None:
        cut = [[_start(cell) for cell in row] for row in table]
        print(f"{dataset} × {embedder}: {pool} pool, then {strategy}, seed {arguments.seed}\n")
        print(text_table(header, cut))
        return
    with storage.atomic(arguments.csv) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as handle:
        csv.writer(handle).writerows([header, *table])
    print(f"{arguments.csv}: {len(table)} texts in the order in which they were picked")


def _run_of(loaded: Params, arguments: argparse.Namespace) -> tuple[str, str]:
    grid = loaded.grid
    pool, strategy = arguments.pool or grid.pools[0], arguments.strategy or grid.strategies[0]
    if pool not in grid.pools:
        raise UserError(unknown("pool of the grid", pool, grid.pools))
    if strategy not in grid.strategies:
        raise UserError(unknown("strategy of the grid", strategy, grid.strategies))
    if not 0 <= arguments.seed < grid.seeds:
        raise UserError(f"--seed must be from 0 to {grid.seeds - 1}, not {arguments.seed}.")
    return pool, strategy


def picked(dataset: str, embedder: str, pool: str, strategy: str, seed: int) -> list[tuple[int, int]]:
    """(round, row of the pool) of a run's labels in the order of their acquisition; round 0 is the initial pool.

    Raises:
        UserError: the runs are not there, or the run is none of them.
    """
    path = layout.acquired(dataset, embedder)
    table = storage.read_table(path, ("ips", "strategy", "seed", "round", "rank", "row"))
    mine = (table["ips"] == pool) & (table["strategy"] == strategy) & (table["seed"] == seed)
    found = sorted(zip(*(table[name][mine].tolist() for name in ("rank", "round", "row")), strict=True))
    if not found:
        raise UserError(f"{path} has no run of {strategy} from a {pool} pool with seed {seed}. Run 'dvc repro'.")
    return [(number, row) for _, number, row in found]


def listed(rows: list[tuple[int, int]], split: Split, classes: list[str]) -> tuple[list[str], list[list[str]]]:
    """Header and cells: the order, the round, where the text stands in its source, its class and the text itself."""
    pairs = split.text_pair
    header = ["pick", "round", *split.origin, "label", *(["text"] if pairs is None else ["text", "text_pair"])]
    table = []
    for number, (round_, row) in enumerate(rows, 1):
        place: list[Any] = [values[row] for values in split.origin.values()]
        texts = [split.text[row]] if pairs is None else [split.text[row], pairs[row]]
        table.append([str(number), str(round_), *map(str, place), classes[split.label[row]], *texts])
    return header, table


def _start(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
