"""Who beats whom, how often; ranks of the strategies in each cell, and how steady they are."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import IntArray
from nofreelunch.evaluation.clones import COLUMNS as CLONES
from nofreelunch.evaluation.clones import originals
from nofreelunch.evaluation.regret import cross_fitted
from nofreelunch.evaluation.runs import BASELINE, CELL, FACTORS
from nofreelunch.evaluation.table import EMBEDDER, METRIC, POOL, SCOPE, SEEN, STRATEGY, TASK, Column, Table, hidden

ALL = "all"
OURS, ROUNDED, BEST_SEED = DEFINITIONS = ("ties_half", "rounded", "best_seed")


def scopes(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The whole ``frame`` under the name `ALL`, then the part of each embedder under its name."""
    yield ALL, frame
    for embedder, part in frame.groupby("embedder", observed=True):
        yield str(embedder), part


def win_matrix(
    frame: pd.DataFrame, clones: pd.DataFrame, definition: str = OURS, metric: str = "accuracy"
) -> pd.DataFrame:
    """Each strategy against each other, paired by (dataset, embedder, ips, seed, round).

    Args:
        frame: `runs.load`, or a part of it.
        clones: `clones.load_clones`; no pair is made of two that pick the same rows.
        definition: one of `DEFINITIONS`. `OURS` counts a tie as half a win. `ROUNDED` is the paper's group's: rounded
            to three decimals, without round 0 (where all strategies tie, having the same pool), and ties count for
            nobody, so that the two rates of a pair do not add up to 1. `BEST_SEED` is the group's other one: as
            `ROUNDED`, of the best seed of each strategy, which rewards a spread over seeds.

    Returns:
        strategy, opponent (categorical), pairs, wins, ties, losses (int64), rate (float64; NaN without pairs), weight
        (of the opponent in a mean over opponents: clones share one). A win is a strictly higher value of ``metric``.
    """
    wide = _situations(frame, definition, metric)
    values, first = wide.to_numpy(dtype=np.float64).T, _firsts(wide, clones).T
    sizes = (first[:, None] == first[None]).sum(axis=1)
    rows = []
    for i, strategy in enumerate(wide.columns):
        for j, opponent in enumerate(wide.columns):
            if i != j:
                distinct = first[i] != first[j]
                wins = int((values[i] > values[j])[distinct].sum())
                ties = int((values[i] == values[j])[distinct].sum())
                pairs, weight = int(distinct.sum()), float((1 / sizes[j]).mean())
                rows.append((strategy, opponent, pairs, wins, ties, pairs - wins - ties, weight))
    table = pd.DataFrame(rows, columns=["strategy", "opponent", "pairs", "wins", "ties", "losses", "weight"])
    credit = table["wins"] + (table["ties"] / 2 if definition == OURS else 0)
    names = list(wide.columns)
    return table.assign(
        strategy=pd.Categorical(table["strategy"], categories=names),
        opponent=pd.Categorical(table["opponent"], categories=names),
        rate=credit / table["pairs"].where(table["pairs"] > 0),
    )


def _situations(frame: pd.DataFrame, definition: str, metric: str) -> pd.DataFrame:
    """(dataset, embedder, ips, seed, round) × strategy; without seeds for `BEST_SEED`."""
    if definition == OURS:
        return frame.pivot(index=[*CELL, "seed", "round"], columns="strategy", values=metric)
    later = frame[frame["round"] > 0]
    # Half a unit in the third decimal is no binary fraction: equal values must not fall on two sides of it.
    later = later.assign(value=later[metric].round(9).round(3))
    if definition == ROUNDED:
        return later.pivot(index=[*CELL, "seed", "round"], columns="strategy", values="value")
    best = later.groupby([*CELL, "round", "strategy"], observed=True)["value"].max().reset_index()
    return best.pivot(index=[*CELL, "round"], columns="strategy", values="value")


def _firsts(wide: pd.DataFrame, clones: pd.DataFrame) -> IntArray:
    """(rows, strategies): the column that each strategy is a clone of in the cell of a row, its own for none."""
    first = np.tile(np.arange(wide.shape[1]), (len(wide), 1))
    column = {str(name): place for place, name in enumerate(wide.columns)}
    cells = pd.MultiIndex.from_arrays([wide.index.get_level_values(name).astype(str) for name in CELL])
    for *cell, strategy, original in clones[CLONES].itertuples(index=False):
        if strategy in column and original in column:
            first[cells == tuple(map(str, cell)), column[strategy]] = column[original]
    return first


WINS = Table(
    "wins",
    "Who beats whom",
    "A row is how often a strategy has the higher accuracy of two, over all rounds, paired by task, embedder, pool and "
    "seed.",
    (
        *(SCOPE, Column("definition", "definition"), STRATEGY, Column("opponent", "opponent")),
        Column("rate", "win rate", "share"),
        *(Column(name, name, "count") for name in ("wins", "ties", "losses")),
        *hidden("count", pairs="comparisons"),
        *hidden("share", weight="weight of the opponent, of which clones share one"),
    ),
    "Definitions. ties half: a tie is half a win. The paper's group's: rounded to three decimals, without round 0, "
    "ties for nobody (rounded); and the same of each strategy's best seed, which rewards a spread over seeds (best "
    "seed). Strategies that pick the same rows do not meet. Counts of what happened, no test.",
)
PEAKS = Table(
    "peaks",
    "How often is a strategy the best of all?",
    "A row is the share of the rounds of a task, over all embedders, pools and seeds, in which no other strategy is as "
    "good.",
    (
        *(Column("definition", "definition"), TASK, STRATEGY),
        Column("rate", "share of wins", "share"),
        Column("situations", "of", "count"),
    ),
    "By each definition of a win. Of strategies that pick the same rows the first counts. No test.",
)
RANKS = Table(
    "ranks",
    "Strategies of every cell",
    "A row is the AULC of a strategy in a cell, averaged over seeds, and its rank there.",
    (
        *(TASK, EMBEDDER, SEEN, POOL, STRATEGY, METRIC),
        Column("aulc", "AULC", "points"),
        Column("rank", "rank", "number"),
        Column("gain", "gain over random", "gain"),
        Column("regret", "regret", "points"),
        Column("clone_of", "same picks as"),
    ),
    shown=False,
)
ROBUSTNESS = Table(
    "robustness",
    "How steady a strategy is",
    "A row is a strategy over all cells (task, embedder, pool), or over those of one embedder.",
    (
        *(SCOPE, STRATEGY, METRIC),
        Column("mean_rank", "mean rank", "number"),
        Column("rank_spread", "spread of ranks", "number"),
        Column("best", "times best", "count"),
        Column("cells", "cells", "count"),
        Column("mean_gain", "mean gain", "gain"),
        Column("mean_regret", "mean regret", "points"),
        Column("worst_regret", "worst regret", "points"),
    ),
    "Rank 1 is best; regret is the distance in AULC to the strategy of a cell that is best on other seeds. A "
    "description, no test.",
)


def win_table(frame: pd.DataFrame, clones: pd.DataFrame) -> pd.DataFrame:
    """`win_matrix` of accuracy by every definition, over all cells and per embedder: scope, definition, …"""
    parts = []
    for scope, part in scopes(frame):
        for definition in DEFINITIONS:
            table = win_matrix(part, clones, definition)
            table.insert(0, "scope", scope)
            table.insert(1, "definition", definition)
            parts.append(table)
    return pd.concat(parts, ignore_index=True)


def peaks(frame: pd.DataFrame, clones: pd.DataFrame) -> pd.DataFrame:
    """How often each strategy is the best of all on a dataset, by every definition: its share of wins there.

    Args:
        frame: `runs.load`.
        clones: `clones.load_clones`; a win of clones is one of the first of them.

    Returns:
        definition, dataset, strategy, situations, rate. Where several share the best value, `OURS` divides the win
        among them, and the others give it to nobody.
    """
    parts = []
    for definition in DEFINITIONS:
        wide = _situations(frame, definition, "accuracy")
        own = _firsts(wide, clones) == np.arange(wide.shape[1])
        values = np.where(own, wide.to_numpy(dtype=np.float64), -np.inf)
        best = values == values.max(axis=1, keepdims=True)
        shared = best.sum(axis=1, keepdims=True)
        won = best / shared if definition == OURS else best & (shared == 1)
        table = pd.DataFrame(won.astype(np.float64), index=wide.index, columns=wide.columns.astype(str))
        groups = table.groupby(level="dataset", observed=True)
        rates = groups.mean().rename_axis(columns="strategy").stack().rename("rate").reset_index()
        rates["situations"] = rates["dataset"].astype(str).map(groups.size().rename(index=str)).astype(np.int64)
        parts.append(rates.assign(definition=definition))
    table = pd.concat(parts, ignore_index=True)
    categories = {name: list(frame[name].cat.categories) for name in ("dataset", "strategy")}
    plain = {name: pd.Categorical(table[name].astype(str), categories=legal) for name, legal in categories.items()}
    return table.assign(**plain)[["definition", "dataset", "strategy", "situations", "rate"]]


def ranks(scores: pd.DataFrame, clones: pd.DataFrame) -> pd.DataFrame:
    """The strategies of each (dataset, embedder, ips) by their AULC, averaged over seeds.

    Args:
        scores: `aulc.run_areas`.
        clones: `clones.load_clones`.

    Returns:
        metric, dataset, embedder, ips, strategy, aulc, rank (1 = best; equals share the average rank, and clones have
        that of the first of them, which alone counts for others), gain (over random querying), regret (to the best of
        the cell, `regret.cross_fitted` over seeds), clone_of ('' for none). Rank and regret are NaN in cells whose
        probe is not clearly above chance (`aulc.clear`): what differs there is noise.
    """
    keys = ["metric", *FACTORS]
    seeds = scores.pivot(index=keys, columns="seed", values="aulc")
    table = seeds.mean(axis=1).round(12).rename("aulc").reset_index()
    table["clear"] = scores.groupby(keys, observed=True)["clear"].first().to_numpy()
    first = originals(table, clones)
    known = (first == table["strategy"].astype(object)) & table["clear"]
    regret = pd.Series(np.nan, table.index)
    for _, rows in table[known].groupby(["metric", *CELL], observed=True).groups.items():
        regret[rows] = cross_fitted(seeds.to_numpy(dtype=np.float64)[rows])
    cells = table[known].groupby(["metric", *CELL], observed=True)["aulc"]
    base = table[table["strategy"] == BASELINE].rename(columns={"aulc": "base"})
    joined = table.merge(base[["metric", *CELL, "base"]], on=["metric", *CELL], validate="many_to_one")
    table = table.assign(
        rank=cells.rank(ascending=False, method="average"),
        gain=joined["aulc"] - joined["base"],
        regret=regret,
        original=first,
    )
    # A clone stands where the first of its kind stands.
    places = table.loc[known, ["metric", *CELL, "original", "rank", "regret"]]
    placed = table.drop(columns=["rank", "regret"]).merge(places, on=["metric", *CELL, "original"], how="left")
    clone_of = first.where(first != table["strategy"].astype(object), "").astype(str)
    return placed.assign(clone_of=clone_of)[[*keys, "aulc", "rank", "gain", "regret", "clone_of"]]


def robustness(table: pd.DataFrame) -> pd.DataFrame:
    """How steady each strategy is over cells, in all and per embedder.

    Args:
        table: `ranks`.

    Returns:
        metric, scope, strategy, cells, mean_rank, rank_spread (standard deviation; NaN for one cell), best
        (cells in which no other is better; of clones the first counts), mean_gain, mean_regret, worst_regret.
    """
    parts = []
    for scope, part in scopes(table):
        best = part["rank"] == part.groupby(["metric", *CELL], observed=True)["rank"].transform("min")
        groups = part.assign(first=best & (part["clone_of"] == "")).groupby(["metric", "strategy"], observed=True)
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

    Without cells whose probe is not clearly above chance, unless it is so in all of them.
    """
    part = scores[scores["metric"] == metric]
    part = part[part["clear"] | (not part["clear"].any())]
    # Rounding off the last bits of a sum lets equal curves tie, which rank tests need to know.
    return part.pivot(index=[*CELL, "seed"], columns="strategy", values="aulc").round(12)


def ranked_cells(frame: pd.DataFrame, paired: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``frame`` (`runs.load`) in the cells of ``paired`` (`paired_scores`)."""
    kept = paired.index.droplevel([name for name in paired.index.names if name not in CELL]).unique()
    return frame[pd.MultiIndex.from_frame(frame[CELL]).isin(kept)]
