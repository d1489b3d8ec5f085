"""Which points each strategy picks: the rows of one seed and the first batches, in a flat picture of the pool."""

import numpy as np
import pandas as pd

from nofreelunch.base import layout, storage
from nofreelunch.base.randomness import generator
from nofreelunch.evaluation.table import ROUND, STRATEGY, TASK, Column, Table
from nofreelunch.params import Grid

BATCHES = 3
GROUND = 1500


PICKS = Table(
    "picks",
    "What was picked of the pool",
    "A row is a text of the pool in the plane, or one that a strategy picked in a round.",
    (
        *(TASK, STRATEGY, ROUND),
        Column("x", "first direction", "number"),
        Column("y", "second direction", "number"),
    ),
    shown=False,
    printed=False,
)


def load_picks(grid: Grid, embedder: str) -> pd.DataFrame:
    """The pool in the plane, and what was picked of it from the grid's first pool selection with seed 0.

    Args:
        grid: of which every dataset and strategy is shown.
        embedder: the one to show.

    Returns:
        dataset, strategy ('' for the pool: at most `GROUND` of its rows, drawn at random), round (0 is the initial
        pool, then `BATCHES` batches; −1 for the pool), x, y.
    """
    parts = []
    for dataset in grid.datasets:
        places = pd.DataFrame(storage.read_table(layout.plane(dataset, embedder), ("x", "y")))
        shown = generator("picks", len(places)).permutation(len(places))[:GROUND]
        parts.append(places.iloc[np.sort(shown)].assign(dataset=dataset, strategy="", round=-1))
        columns = ("ips", "strategy", "seed", "round", "row")
        acquired = pd.DataFrame(storage.read_table(layout.acquired(dataset, embedder), columns))
        kept = acquired[
            (acquired["ips"] == grid.pools[0])
            & (acquired["seed"] == 0)
            & (acquired["round"] <= BATCHES)
            & acquired["strategy"].isin(grid.strategies)
        ]
        picked = places.iloc[kept["row"].to_numpy()].reset_index(drop=True)
        picked = picked.assign(dataset=dataset, strategy=kept["strategy"].to_numpy(), round=kept["round"].to_numpy())
        parts.append(picked)
    table = pd.concat(parts, ignore_index=True)[["dataset", "strategy", "round", "x", "y"]]
    return table.assign(
        dataset=pd.Categorical(table["dataset"], categories=grid.datasets),
        strategy=pd.Categorical(table["strategy"], categories=["", *grid.strategies]),
    )
