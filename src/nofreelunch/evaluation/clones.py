"""Strategies that pick the same rows in a cell: shown once, and counted as one.

With two classes margin, entropy and least confident order the candidates alike; three names for one strategy would beat
the others three times, and take three ranks.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.base import layout, storage
from nofreelunch.evaluation.runs import CELL
from nofreelunch.evaluation.table import EMBEDDER, POOL, TASK, Column, Table
from nofreelunch.params import Grid

# Share of a batch's rows in common from which two strategies are one. Scores that differ by rounding alone may swap a
# row at the edge of a batch; from then on the heads differ, and so do all later batches, which say nothing any more.
SAME = 0.95
COLUMNS = [*CELL, "strategy", "clone_of"]


CLONES = Table(
    "clones",
    "Strategies that pick the same rows",
    "A row is a strategy that counts in a cell as one with the first of its kind, in ranks, wins and leads.",
    (TASK, EMBEDDER, POOL, Column("strategy", "clone"), Column("clone_of", "of")),
    "With two classes margin, entropy and least confident order the candidates alike.",
)


def load_clones(grid: Grid) -> pd.DataFrame:
    """The clones in every cell of ``grid``: `find` of the rows that were acquired.

    Returns:
        dataset, embedder, ips, strategy, clone_of (the first of the grid's strategies that picks the same rows).
    """
    rows = []
    columns = ("ips", "strategy", "seed", "round", "row")
    for dataset in grid.datasets:
        for embedder in grid.embedders:
            table = pd.DataFrame(storage.read_table(layout.acquired(dataset, embedder), columns))
            table = table[(table["round"] > 0) & (table["seed"] < grid.seeds)]
            for ips in grid.pools:
                found = find(table[table["ips"] == ips], grid.strategies)
                rows += [(dataset, embedder, ips, strategy, first) for strategy, first in found.items()]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def find(acquired: pd.DataFrame, strategies: list[str]) -> dict[str, str]:
    """Clone → the first of ``strategies`` with which it shares at least `SAME` of its rows, chosen from the same state.

    Args:
        acquired: strategy, seed, round, row of one cell, without initial pools.
        strategies: names, in the order in which the first of several clones counts.
    """
    keys = ["seed", "round"]
    batches = acquired.groupby(["strategy", *keys], observed=True)["row"].agg(frozenset)
    picked = {name: batches.loc[name] for name in strategies if name in batches.index.get_level_values("strategy")}
    clones: dict[str, str] = {}
    for one, other in combinations(picked, 2):
        if one not in clones and other not in clones and _in_common(picked[one], picked[other]) >= SAME:
            clones[other] = one
    return clones


def _in_common(one: "pd.Series[Any]", other: "pd.Series[Any]") -> float:
    """Mean share of a batch's rows in common, over the rounds that both enter with the same labelled rows."""
    shared = []
    for seed in one.index.unique("seed"):
        for a, b in zip(one.loc[seed], other.loc[seed], strict=True):
            shared.append(len(a & b) / max(len(a), 1))
            if a != b:
                break
    return float(np.mean(shared))


def originals(table: pd.DataFrame, clones: pd.DataFrame) -> "pd.Series[object]":
    """For each row of ``table`` (`CELL`, strategy) the strategy it is a clone of, its own name for none."""
    keys = [*CELL, "strategy"]
    plain = table[keys].astype(object).merge(clones.astype(object), on=keys, how="left", validate="many_to_one")
    first: pd.Series[object] = plain["clone_of"].where(plain["clone_of"].notna(), plain["strategy"])
    return first.set_axis(table.index)


def without_clones(table: pd.DataFrame, clones: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``table`` (`CELL`, strategy) that are of no clone."""
    return table[originals(table, clones) == table["strategy"].astype(object)]
