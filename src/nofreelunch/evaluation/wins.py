"""Who beats whom, how often; ranks of the strategies in each cell, and how steady they are."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nofreelunch.evaluation.runs import BASELINE, CELL, FACTORS, RUN

ALL = "all"


def scopes(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The whole ``frame`` under the name `ALL`, then the part of each embedder under its name."""
    yield ALL, frame
    for embedder, part in frame.groupby("embedder", observed=True):
        yield str(embedder), part


def win_matrix(frame: pd.DataFrame, metric: str = "accuracy", legacy: bool = False) -> pd.DataFrame:
    """Each strategy against each other, paired by (dataset, embedder, ips, seed, round).

    Args:
        frame: `runs.load`, or a part of it.
        legacy: the definition of older work: round 0 is left out and a tie counts for nobody, so that the two
            rates of a pair no longer add up to 1. Round 0 is where all strategies tie, having the same pool.

    Returns:
        strategy, opponent (categorical), pairs, wins, ties, losses (int64), rate (float64): wins / pairs with
        a tie as half a win, or without ties if ``legacy``. A win is a strictly higher value of ``metric``.
    """
    if legacy:
        frame = frame[frame["round"] > 0]
    wide = frame.pivot(index=[*CELL, "seed", "round"], columns="strategy", values=metric)
    values = wide.to_numpy(dtype=np.float64).T
    rows = []
    for i, strategy in enumerate(wide.columns):
        for j, opponent in enumerate(wide.columns):
            if i != j:
                wins = int((values[i] > values[j]).sum())
                ties = int((values[i] == values[j]).sum())
                rows.append((strategy, opponent, values.shape[1], wins, ties, values.shape[1] - wins - ties))
    table = pd.DataFrame(rows, columns=["strategy", "opponent", "pairs", "wins", "ties", "losses"])
    credit = table["wins"] + (0 if legacy else table["ties"] / 2)
    names = list(wide.columns)
    return table.assign(
        strategy=pd.Categorical(table["strategy"], categories=names),
        opponent=pd.Categorical(table["opponent"], categories=names),
        rate=credit / table["pairs"],
    )


def win_table(frame: pd.DataFrame) -> pd.DataFrame:
    """`win_matrix` of accuracy by both definitions, over all cells and per embedder: scope, definition, …"""
    parts = []
    for scope, part in scopes(frame):
        for definition in ("ties_half", "legacy"):
            table = win_matrix(part, legacy=definition == "legacy")
            table.insert(0, "scope", scope)
            table.insert(1, "definition", definition)
            parts.append(table)
    return pd.concat(parts, ignore_index=True)


def ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """The strategies of each (dataset, embedder, ips) by their AULC, averaged over seeds.

    Args:
        scores: `aulc.scores`.

    Returns:
        metric, dataset, embedder, ips, strategy, aulc, rank (1 = best; equals share the average rank), gain
        (over random querying), regret (to the best of the cell, ≥ 0). Rank and regret are NaN in cells whose probe is
        not clearly above chance (`aulc.clear`): what differs there is noise.
    """
    keys = ["metric", *FACTORS]
    table = scores.groupby(keys, observed=True).agg(aulc=("aulc", "mean"), clear=("clear", "first")).reset_index()
    table["aulc"] = table["aulc"].round(12)
    known = table.pop("clear")
    cells = table.groupby(["metric", *CELL], observed=True)["aulc"]
    base = table[table["strategy"] == BASELINE].rename(columns={"aulc": "base"})
    joined = table.merge(base[["metric", *CELL, "base"]], on=["metric", *CELL], validate="many_to_one")
    return table.assign(
        rank=cells.rank(ascending=False, method="average").where(known),
        gain=joined["aulc"] - joined["base"],
        regret=(cells.transform("max") - table["aulc"]).where(known),
    )


def robustness(table: pd.DataFrame) -> pd.DataFrame:
    """How steady each strategy is over cells, in all and per embedder.

    Args:
        table: `ranks`.

    Returns:
        metric, scope, strategy, cells, mean_rank, rank_spread (standard deviation; NaN for one cell), best
        (cells in which no other is better), mean_gain, mean_regret, worst_regret.
    """
    parts = []
    for scope, part in scopes(table):
        groups = part.assign(first=part["regret"] == 0).groupby(["metric", "strategy"], observed=True)
        summary = groups.agg(
            cells=("rank", "count"),
            mean_rank=("rank", "mean"),
            rank_spread=("rank", "std"),
            best=("first", "sum"),
            mean_gain=("gain", "mean"),
            mean_regret=("regret", "mean"),
            worst_regret=("regret", "max"),
        ).reset_index()
        summary.insert(1, "scope", scope)
        parts.append(summary)
    return pd.concat(parts, ignore_index=True)


def paired_scores(scores: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """AULC with one column per strategy and one row per (dataset, embedder, ips, seed), which pairs them.

    Without cells whose probe is not clearly above chance.
    """
    part = scores.loc[(scores["metric"] == metric) & scores["clear"], [*RUN, "aulc"]]
    # Rounding off the last bits of a sum lets equal curves tie, which rank tests need to know.
    return part.pivot(index=[*CELL, "seed"], columns="strategy", values="aulc").round(12)
