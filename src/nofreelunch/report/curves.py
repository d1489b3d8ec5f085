"""The learning curves of the report, as numbers that JavaScript draws."""

from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.evaluation.runs import FACTORS, SCORES
from nofreelunch.report.tables import rounded


def curve_data(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Curves and differences of every cell, times 100.

    Returns:
        labels: task → labels after each round; and per view ('value', 'gain') and metric: 'task/embedder/pool' →
        strategy → [means, lower ends, upper ends], None where there is no interval.
    """
    curves = tables["curves"]
    rounds = curves.drop_duplicates(["dataset", "labels"]).sort_values("labels")
    labels = {str(name): part["labels"].tolist() for name, part in rounds.groupby("dataset", observed=True)}
    views = {"value": curves, "gain": tables["differences"]}
    return {
        "labels": labels,
        **{view: {metric: _lines(table, metric) for metric in SCORES} for view, table in views.items()},
    }


def _lines(table: pd.DataFrame, metric: str) -> dict[str, dict[str, list[list[Any]]]]:
    part = table[table["metric"] == metric].sort_values("round", kind="stable")
    lines: dict[str, dict[str, list[list[Any]]]] = {}
    for (dataset, embedder, ips, strategy), own in part.groupby(FACTORS, observed=True):
        columns = 100 * own[["mean", "lo", "hi"]].to_numpy(dtype=np.float64).T
        line = [[rounded(round(value, 2)) for value in column] for column in columns.tolist()]
        lines.setdefault(f"{dataset}/{embedder}/{ips}", {})[str(strategy)] = line
    return lines
