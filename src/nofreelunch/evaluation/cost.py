"""What a strategy costs in seconds of this machine, beside what it gains, and what that says of the claims about cost.

Seconds differ between machines and between runs, so nothing here enters what stages write.
The thresholds `CHEAP_SECONDS` and `PRICE` are our own choice.
"""

import numpy as np
import pandas as pd

from nofreelunch.base import layout, storage
from nofreelunch.evaluation.evidence import Part, over_datasets
from nofreelunch.evaluation.runs import BASELINE, FACTORS, RUN
from nofreelunch.params import Grid

CHEAP_SECONDS = 60.0
# Dollars for an hour of a core.
PRICE = 0.10
_COLUMNS = ("ips", "strategy", "seed", "round", "query_seconds", "fit_seconds")


def load_seconds(grid: Grid) -> tuple[pd.DataFrame, list[str]]:
    """Seconds of every round of the cells that this machine has computed.

    Returns:
        The columns of `FACTORS` (categorical), seed, round, query_seconds, fit_seconds (float64), in the grid's order;
        and the cells without seconds, as ``dataset-embedder``: computed elsewhere, or restored by DVC.
    """
    parts, absent = [pd.DataFrame(columns=["dataset", "embedder", *_COLUMNS])], []
    for dataset in grid.datasets:
        for embedder in grid.embedders:
            path = layout.seconds(dataset, embedder)
            if not path.is_file():
                absent.append(f"{dataset}-{embedder}")
                continue
            table = storage.read_table(path, _COLUMNS)
            parts.append(pd.DataFrame({"dataset": dataset, "embedder": embedder} | {c: table[c] for c in _COLUMNS}))
    frame = pd.concat(parts[1:] or parts, ignore_index=True)
    legal = dict(zip(FACTORS, (grid.datasets, grid.embedders, grid.pools, grid.strategies), strict=True))
    inside = frame["seed"] < grid.seeds
    for factor in FACTORS:
        inside &= frame[factor].isin(legal[factor])
    kept = frame[inside]
    kinds = {factor: pd.Categorical(kept[factor], categories=legal[factor]) for factor in FACTORS}
    return kept.assign(**kinds), absent


def cost(seconds: pd.DataFrame, ranks: pd.DataFrame) -> pd.DataFrame:
    """Seconds per round and per run of each (embedder, strategy), averaged over datasets, pools and seeds.

    Args:
        seconds: `load_seconds`.
        ranks: `wins.ranks`.

    Returns:
        embedder, strategy, query_seconds and fit_seconds (per round; round 0 has no query and counts for
        fitting only), run_seconds (all queries and fits of a run), gain (in mean accuracy AULC over random
        querying).
    """
    keys = ["embedder", "strategy"]
    queries = seconds[seconds["round"] > 0].groupby(keys, observed=True)["query_seconds"].mean()
    fits = seconds.groupby(keys, observed=True)["fit_seconds"].mean()
    runs = seconds.groupby(RUN, observed=True)[["query_seconds", "fit_seconds"]].sum().sum(axis=1)
    gains = ranks[ranks["metric"] == "accuracy"].groupby(keys, observed=True)["gain"].mean()
    table = pd.DataFrame(
        {
            "query_seconds": queries,
            "fit_seconds": fits,
            "run_seconds": runs.groupby(level=keys, observed=True).mean(),
        }
    )
    return table.join(gains).reset_index()


def money(seconds: pd.DataFrame) -> tuple[float, float]:
    """Mean seconds of a run, and what these cost in dollars; embedding is not counted."""
    mean = float(_by_dataset(seconds).mean())
    return mean, mean / 3600 * PRICE


def claims(seconds: pd.DataFrame) -> list[Part]:
    """What the paper claims of cost, as quantities that it says are positive: margin is quick, and a run is cheap.

    Args:
        seconds: `load_seconds`.
    """
    parts = []
    rivals = seconds[(seconds["round"] > 0) & (seconds["strategy"] != BASELINE)]
    pace = rivals.groupby(["dataset", "strategy"], observed=True)["query_seconds"].mean().clip(lower=1e-9)
    pace = np.log(pace).unstack("strategy")
    if "margin" in pace and pace.shape[1] > 1:
        saved = pace.drop(columns="margin").median(axis=1) - pace["margin"]
        parts.append(over_datasets("log of how much longer the median other strategy queries than margin", saved))
    spared = np.log(CHEAP_SECONDS) - np.log(_by_dataset(seconds).clip(lower=1e-9))
    return [*parts, over_datasets(f"log of how far below {CHEAP_SECONDS:.0f} s a run stays", spared)]


def _by_dataset(seconds: pd.DataFrame) -> "pd.Series[float]":
    """Mean seconds of a run, by dataset."""
    total = seconds.assign(total=seconds["query_seconds"] + seconds["fit_seconds"])
    return total.groupby(RUN, observed=True)["total"].sum().groupby("dataset", observed=True).mean()
