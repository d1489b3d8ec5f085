"""What a strategy costs in seconds of this machine, beside what it gains, and what that says of the claims about cost.

Seconds differ between machines and between runs, so nothing here, money neither, enters what stages write. Prices are
assumed (`base.prices`), and what counts as cheap, `CHEAP`, is our own choice: the paper names no threshold.
"""

from typing import Literal

import numpy as np
import pandas as pd

from nofreelunch.base import layout, storage
from nofreelunch.base.prices import CORE_HOUR, GPU_HOUR
from nofreelunch.evaluation.claim_test import Part, over_datasets
from nofreelunch.evaluation.runs import BASELINE, FACTORS, RUN
from nofreelunch.params import Grid

# Dollars: a run with its embedding is cheap where it costs less, which is what a person asks for a dozen labels.
CHEAP = 1.0
# Of a test that stands alone, on either side.
_ALPHA = 0.025
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


def load_embedding(grid: Grid) -> tuple[pd.DataFrame, list[str]]:
    """What embedding the pool of each cell took, by the rate at which this machine embedded.

    Returns:
        dataset, embedder, embed_seconds (of one core, or of one GPU) and embed_dollars; and the cells without a rate,
        as ``dataset-embedder``: embedded elsewhere, by other means, or restored by DVC.
    """
    rows, absent = [], []
    for dataset in grid.datasets:
        for embedder in grid.embedders:
            rate, card = layout.encoding_rate(dataset, embedder), layout.embedding_card(dataset, embedder)
            task = layout.task_card(dataset)
            if not all(path.is_file() for path in (rate, card, task)):
                absent.append(f"{dataset}-{embedder}")
                continue
            counts = storage.read_json(task)
            pool, test = (counts[split]["rows"] for split in ("train", "test"))
            pace = storage.read_json(rate)
            seconds = storage.read_json(card)["unique_texts"] * pool / (pool + test) / pace["texts_per_second"]
            hour = CORE_HOUR if pace["device"] == "cpu" else GPU_HOUR
            rows.append((dataset, embedder, seconds, seconds / 3600 * hour))
    return pd.DataFrame(rows, columns=["dataset", "embedder", "embed_seconds", "embed_dollars"]), absent


def whole_runs(seconds: pd.DataFrame, embedding: pd.DataFrame) -> pd.DataFrame:
    """What a run costs from texts to its last fit; its pool is embedded once, and for it alone.

    The runs of a grid share an embedding. Who runs active learning on a data set of their own runs it once, and pays
    for all of it.

    Args:
        seconds: `load_seconds`.
        embedding: `load_embedding`.

    Returns:
        dataset, embedder, embed_seconds, learn_seconds (queries and fits of the mean run) and dollars of both, for
        cells of which both are known.
    """
    total = seconds.assign(learn_seconds=seconds["query_seconds"] + seconds["fit_seconds"])
    runs = total.groupby(RUN, observed=True)["learn_seconds"].sum()
    learning = runs.groupby(["dataset", "embedder"], observed=True).mean().reset_index()
    table = embedding.merge(learning.astype({"dataset": str, "embedder": str}), on=["dataset", "embedder"])
    table["dollars"] = table.pop("embed_dollars") + table["learn_seconds"] / 3600 * CORE_HOUR
    return table


def claims(seconds: pd.DataFrame, whole: pd.DataFrame) -> list[Part]:
    """What the paper claims of cost, as quantities that it says are positive: margin is quick, and a run is cheap.

    Args:
        seconds: `load_seconds`.
        whole: `whole_runs`; without rows nothing is said of what is cheap.
    """
    parts = []
    rivals = seconds[(seconds["round"] > 0) & (seconds["strategy"] != BASELINE)]
    pace = rivals.groupby(["dataset", "strategy"], observed=True)["query_seconds"].mean().clip(lower=1e-9)
    pace = np.log10(pace).unstack("strategy")
    if "margin" in pace and pace.shape[1] > 1:
        saved = pace.drop(columns="margin").median(axis=1) - pace["margin"]
        parts.append(
            over_datasets("claim 6: powers of ten by which the median other query outlasts margin's", saved, "number")
        )
    if not whole.empty:
        spared = np.log10(CHEAP) - np.log10(whole.groupby("dataset")["dollars"].mean().clip(lower=1e-9))
        parts.append(
            over_datasets(f"claim 11: powers of ten by which a run costs less than ${CHEAP:g}", spared, "number")
        )
    return parts


def verdict(part: Part) -> Literal["supported", "contradicted", "undecided"]:
    """At a two-sided 5 %; outside of the family of the other claims, as it rests on one machine's seconds."""
    if min(part.p_for, part.p_against) >= _ALPHA:
        return "undecided"
    return "supported" if part.p_for < part.p_against else "contradicted"
