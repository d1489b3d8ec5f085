"""Learning curves: mean and 95 % interval over seeds, and the seed-paired difference to random querying."""

import numpy as np
import pandas as pd

from nofreelunch.evaluation.intervals import mean_interval, paired_difference
from nofreelunch.evaluation.runs import BASELINE, FACTORS, METRICS, RUN

_POINT = [*FACTORS, "round", "labels"]


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
