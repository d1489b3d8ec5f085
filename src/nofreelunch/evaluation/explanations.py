"""Which diagnostics of an embedding explain what pools and strategies gain."""

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import Float64Array
from nofreelunch.evaluation.quality import SITE
from nofreelunch.evaluation.table import Column, Table

EXPLANATIONS = Table(
    "explanations",
    "Which diagnostic explains which gain",
    "A row is a regression of a gain on a diagnostic, on differences between the embedders of a task.",
    (
        *(Column("outcome", "outcome"), Column("measure", "measure")),
        Column("r2", "R² left out", "number"),
        Column("slope", "slope", "gain"),
        Column("n", "cells", "count"),
    ),
    "Exploratory. R² on tasks left out: 0 or less explains nothing. Slope: points of accuracy per standard deviation "
    "of the measure; 'all' is a ridge regression on all of them.",
)


def explain(measures: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """How well each diagnostic, and all of them, foretell each outcome on a dataset that was left out.

    Both sides are centred within datasets, so that what is explained is the difference between embedders. One
    line is fitted per measure, and a ridge regression (λ = 1 per row, standardised measures) for all.

    Args:
        measures: dataset, embedder, measure, value.
        outcomes: dataset, embedder, outcome, value.

    Returns:
        outcome, measure ('all' for the ridge), n, slope (outcome per standard deviation of the measure; NaN for
        'all'), r2 (leave-one-dataset-out; ≤ 0 explains nothing, NaN for one dataset or an outcome that does not
        vary).
    """
    wide = measures.pivot(index=SITE, columns="measure", values="value").dropna(axis=1)
    x = _centred(wide)
    x = x.loc[:, x.std() > 1e-12]
    x = x / x.std(ddof=0)
    rows = []
    for outcome, part in outcomes.groupby("outcome", observed=True, sort=False):
        y = _centred(part.set_index(SITE)[["value"]].reindex(x.index))["value"]
        groups = x.index.get_level_values("dataset")
        for measure in x.columns:
            one = x[[measure]].to_numpy()
            slope = float(one[:, 0] @ y.to_numpy() / (one[:, 0] @ one[:, 0]))
            rows.append((outcome, measure, len(x), slope, _left_out(one, y.to_numpy(), groups, 0.0)))
        if x.shape[1]:
            rows.append((outcome, "all", len(x), np.nan, _left_out(x.to_numpy(), y.to_numpy(), groups, 1.0)))
    return pd.DataFrame(rows, columns=["outcome", "measure", "n", "slope", "r2"])


def _left_out(x: Float64Array, y: Float64Array, groups: pd.Index, penalty: float) -> float:
    names = groups.unique()
    if len(names) < 2 or not np.any(np.abs(y) > 1e-12):
        return float("nan")
    residual = 0.0
    for name in names:
        out = np.asarray(groups == name)
        gram = x[~out].T @ x[~out] + penalty * np.eye(x.shape[1])
        weights = np.linalg.lstsq(gram, x[~out].T @ y[~out], rcond=None)[0]
        residual += float(((y[out] - x[out] @ weights) ** 2).sum())
    return 1 - residual / float((y**2).sum())


def _centred(table: pd.DataFrame) -> pd.DataFrame:
    return table - table.groupby(level="dataset", observed=True).transform("mean")
