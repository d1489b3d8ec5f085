"""Intervals of one cell that know its seeds and its finite test set.

All seeds of a cell, and all its strategies, are judged on the same few test rows: an interval over seeds alone speaks
of these very rows, and claims too much. Seeds and test rows are crossed random factors, so that the variance of a mean
over both is (MS_seeds + MS_rows − MS_residual) / (seeds · rows), with the mean squares of the two-way table without
replication, and Satterthwaite's (1946) degrees of freedom. It is what a bootstrap that draws seeds and rows anew and in
pairs comes to, less that bootstrap's two faults: with few seeds it is too narrow, and it counts the residual three
times (Owen 2007, The pigeonhole bootstrap).
"""

import numpy as np
import pandas as pd
from scipy import special

from nofreelunch.base import layout, storage
from nofreelunch.base.arrays import BoolArray, Float64Array, FloatArray
from nofreelunch.evaluation import student
from nofreelunch.evaluation.aulc import PHASES, aulc, thirds
from nofreelunch.evaluation.correctness import read_correct, unpack
from nofreelunch.evaluation.runs import BASELINE, FACTORS
from nofreelunch.params import Grid

FloatsOrBits = Float64Array | FloatArray | BoolArray


def crossed(values: FloatsOrBits) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Mean over seeds and test rows of (..., seeds, rows) ``values``, its standard error and degrees of freedom.

    Returns:
        (...) float64 each; the error is NaN for one seed or one row.
    """
    seeds, rows = values.shape[-2:]
    wide = np.asarray(values, dtype=np.float32)
    by_seed, by_row = wide.mean(axis=-1, dtype=np.float64), wide.mean(axis=-2, dtype=np.float64)
    mean = by_seed.mean(axis=-1)
    if seeds < 2 or rows < 2:
        return mean, np.full(mean.shape, np.nan), np.ones(mean.shape)
    squares = np.einsum("...sr,...sr->...", wide, wide, dtype=np.float64) - seeds * rows * mean**2
    of_seeds, of_rows = rows * by_seed.var(axis=-1, ddof=1), seeds * by_row.var(axis=-1, ddof=1)
    rest = np.maximum(squares - (seeds - 1) * of_seeds - (rows - 1) * of_rows, 0) / ((seeds - 1) * (rows - 1))
    # Never less than each factor alone says.
    total = np.maximum(of_seeds + of_rows - rest, np.maximum(of_seeds, of_rows))
    spread = of_seeds**2 / (seeds - 1) + of_rows**2 / (rows - 1) + rest**2 / ((seeds - 1) * (rows - 1))
    freedom = np.divide(total**2, spread, out=np.ones_like(total), where=spread > 0)
    return mean, np.sqrt(total / (seeds * rows)), freedom


def level_interval(values: FloatsOrBits, level: float = 0.95) -> tuple[Float64Array, Float64Array]:
    """Interval of a mean accuracy from (..., seeds, rows) hits; on the scale of log odds, so that it stays in [0, 1].

    Where all is right, or nothing, it is Clopper and Pearson's (1934) for so many test rows.
    """
    mean, error, freedom = crossed(values)
    inside = (mean > 0) & (mean < 1)
    middle = np.where(inside, mean, 0.5)
    half = student.quantile(0.5 + level / 2, freedom) * error / (middle * (1 - middle))
    lo, hi = (special.expit(special.logit(middle) + side * half) for side in (-1, 1))
    edge = (0.5 - level / 2) ** (1 / values.shape[-1])
    lo = np.where(inside, lo, np.where(mean == 1, edge, 0.0))
    hi = np.where(inside, hi, np.where(mean == 1, 1.0, 1 - edge))
    known = np.isfinite(error)
    return np.where(known, lo, np.nan), np.where(known, hi, np.nan)


def gain_interval(values: FloatsOrBits, level: float = 0.95) -> tuple[Float64Array, Float64Array]:
    """Interval of a mean difference of accuracies from (..., seeds, rows) paired differences; within [−1, 1]."""
    mean, error, freedom = crossed(values)
    half = student.quantile(0.5 + level / 2, freedom) * error
    return np.clip(mean - half, -1, 1), np.clip(mean + half, -1, 1)


def load_finite(grid: Grid) -> dict[str, pd.DataFrame]:
    """`level_interval` and `gain_interval` of the accuracies of every cell of ``grid``.

    Returns:
        'curves' and 'differences' (to random querying) by `FACTORS` and round, 'strategy_gains' (AULC over random
        querying) by `FACTORS`, 'pool_gains' (over a random pool) by dataset, embedder, ips and phase; each with lo and
        hi. Names are plain text. Without random querying, or random pools, what compares with them is absent.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for dataset in grid.datasets:
        for embedder in grid.embedders:
            labels, hits = _hits(grid, dataset, embedder)
            for name, table in _cell(grid, labels, hits).items():
                parts.setdefault(name, []).append(table.assign(dataset=dataset, embedder=embedder))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def finite(table: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """``table`` with lo and hi of its rows of accuracy from ``found`` (one of `load_finite`), where that has them."""
    keys = [name for name in found.columns if name not in ("lo", "hi")]
    plain = table[keys].astype({name: object for name in keys if table[name].dtype == "category"})
    joined = plain.merge(found, on=keys, how="left", validate="many_to_one").set_axis(table.index)
    use = (table["metric"] == "accuracy") & joined["lo"].notna()
    return table.assign(**{end: table[end].where(~use, joined[end]) for end in ("lo", "hi")})


def _hits(grid: Grid, dataset: str, embedder: str) -> tuple[Float64Array, BoolArray]:
    """Labels after each round, and (ips, strategy, seed, round, test row) hits."""
    keys = ("ips", "strategy", "seed", "round")
    table = pd.DataFrame(storage.read_table(layout.runs(dataset, embedder), (*keys, "labels")))[[*keys, "labels"]]
    correct = read_correct(dataset, embedder)
    rounds = int(table["round"].max()) + 1
    axes = [grid.pools, grid.strategies, range(grid.seeds), range(rounds)]
    places = table.assign(place=np.arange(len(table))).set_index(list(keys))
    order = places.loc[pd.MultiIndex.from_product(axes, names=keys), "place"].to_numpy()
    labels = table.sort_values("round").drop_duplicates("round")["labels"].to_numpy(dtype=np.float64)
    return labels, unpack(correct.runs[order], correct.rows).reshape(*map(len, axes), correct.rows)


def _cell(grid: Grid, labels: Float64Array, hits: BoolArray) -> dict[str, pd.DataFrame]:
    rounds = range(len(labels))
    by_round = hits.swapaxes(2, 3)
    found = {"curves": _table([grid.pools, grid.strategies, rounds], _POINT, *level_interval(by_round))}
    unit = np.eye(len(labels))
    if BASELINE in grid.strategies:
        base = grid.strategies.index(BASELINE)
        others = [name for name in grid.strategies if name != BASELINE]
        kept = [grid.strategies.index(name) for name in others]
        gaps = by_round[:, kept].astype(np.float32) - by_round[:, [base]]
        found["differences"] = _table([grid.pools, others, rounds], _POINT, *gain_interval(gaps))
        areas = np.einsum("r,...rsm->...sm", aulc(labels, unit).astype(np.float32), gaps)
        found["strategy_gains"] = _table([grid.pools, others], _POINT[:2], *gain_interval(areas))
    if BASELINE in grid.pools:
        means = by_round.mean(axis=1, dtype=np.float32)
        others = [name for name in grid.pools if name != BASELINE]
        gaps = means[[grid.pools.index(name) for name in others]] - means[[grid.pools.index(BASELINE)]]
        weights = np.vstack([unit[0], thirds(labels, unit).T, unit[-1]]).astype(np.float32)
        phases = np.einsum("pr,irsm->ipsm", weights, gaps)
        found["pool_gains"] = _table([others, PHASES], ["ips", "phase"], *gain_interval(phases))
    return found


_POINT = [*FACTORS[2:], "round"]


def _table(axes: list[list[str] | range], names: list[str], lo: Float64Array, hi: Float64Array) -> pd.DataFrame:
    table = pd.MultiIndex.from_product(axes, names=names).to_frame(index=False)
    return table.assign(lo=lo.reshape(-1), hi=hi.reshape(-1))
