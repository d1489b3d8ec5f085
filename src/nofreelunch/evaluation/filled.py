"""How much of what a strategy picked it did not choose: batches filled at random, for want of rows that it would."""

import numpy as np
import pandas as pd

from nofreelunch.evaluation.runs import FACTORS, RUN
from nofreelunch.evaluation.table import EMBEDDER, POOL, STRATEGY, TASK, Column, Table

FILLED = Table(
    "filled",
    "Batches filled at random",
    "A row is the share of its picks that a strategy drew at random in a cell, for want of rows that it would choose.",
    (TASK, EMBEDDER, POOL, STRATEGY, Column("filled", "drawn at random", "share"), Column("picked", "picks", "count")),
    "AlfaMix takes rows whose prediction flips, and DropQuery those that dropout changes: there may be too few.",
    shown=False,
)


def filled(frame: pd.DataFrame) -> pd.DataFrame:
    """The share of the rows of all batches of a cell that were drawn at random.

    Args:
        frame: `runs.load`.

    Returns:
        dataset, embedder, ips, strategy, filled (NaN where nothing was picked), picked (rows, over seeds).
    """
    ends = frame.groupby(RUN, observed=True).agg(
        first=("labels", "min"), last=("labels", "max"), drawn=("filled", "sum")
    )
    runs = ends.assign(picked=ends["last"] - ends["first"])
    cells = runs.groupby(level=FACTORS, observed=True)[["drawn", "picked"]].sum().reset_index()
    share = cells["drawn"] / cells["picked"].where(cells["picked"] > 0, np.nan)
    return cells.assign(filled=share)[[*FACTORS, "filled", "picked"]]
