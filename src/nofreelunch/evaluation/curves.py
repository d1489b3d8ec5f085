"""Learning curves: mean and 95 % interval over seeds, and the seed-paired difference to random querying."""

import numpy as np
import pandas as pd

from nofreelunch.evaluation.intervals import mean_interval, paired_difference
from nofreelunch.evaluation.runs import BASELINE, FACTORS, METRICS, RUN
from nofreelunch.evaluation.table import (
    EMBEDDER,
    LABELS,
    METRIC,
    POOL,
    ROUND,
    STRATEGY,
    TASK,
    Column,
    Table,
    interval,
)

_POINT = [*FACTORS, "round", "labels"]


_COLUMNS = (
    *(TASK, EMBEDDER, POOL, STRATEGY, ROUND, LABELS, METRIC),
    *interval("mean", "mean", "points"),
    Column("n", "seeds", "count"),
)
CURVES = Table(
    "curves",
    "Learning curves",
    "A row is a metric after a round, mean over seeds with its 95 % interval.",
    _COLUMNS,
    shown=False,
)
DIFFERENCES = Table(
    "differences",
    "Learning curves less those of random querying",
    "A row is the difference in a metric after a round, paired by seed, with its 95 % interval.",
    _COLUMNS,
    "For nll and ece a positive difference is a loss.",
    shown=False,
)


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Every metric after every round, over the seeds of a (dataset, embedder, ips, strategy).

    Returns:
        dataset, embedder, ips, strategy, round, labels, metric, n, mean, lo, hi (within what the metric can be).
    """
    table = _per_metric(frame)
    # No mean lies beyond what a metric can be: all but nll end at 1.
    top = np.where(table["metric"] == "nll", np.inf, 1.0)
    return table.assign(lo=table["lo"].clip(lower=0), hi=np.minimum(table["hi"], top))


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Every metric minus that of random querying from the same pool with the same seed after the same round.

    Returns:
        The columns of `curves`, without rows for random querying itself. For accuracy, balanced accuracy and
        macro-F1 a positive difference is a gain; for nll and ece it is a loss.
    """
    keys = [*RUN, "round", "labels"]
    return _per_metric(paired_difference(frame, "strategy", BASELINE, keys, METRICS))


def _per_metric(frame: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for metric in METRICS:
        part = mean_interval(frame, _POINT, metric)
        part.insert(len(_POINT), "metric", metric)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return table.assign(metric=pd.Categorical(table["metric"], categories=METRICS))
