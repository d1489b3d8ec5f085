"""One number per run: the area under its learning curve, whole and by thirds, and what a run has to reach."""

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import Float64Array
from nofreelunch.evaluation.runs import AREAS, blocks
from nofreelunch.evaluation.table import EMBEDDER, METRIC, POOL, SEED, STRATEGY, TASK, Column, Table

SHARES = (75, 90, 95, 99)
_ONE_SIDED = 1.645
# By how much accuracy a probe has to be above chance, beyond its error over the test rows, for a share of it to mean
# anything: our choice.
LEAST_LIFT = 0.02
PHASES = ["initial", "early", "middle", "late", "final"]
PHASE_NAMES = {name: name for name in PHASES} | {"initial": "round 0"}


def aulc(labels: Float64Array, values: Float64Array) -> Float64Array:
    """Area under the learning curve: the trapezoid over labels, divided by the span; a mean height.

    Args:
        labels: (R,) float64, ascending.
        values: (..., R) float64, the metric after each round.

    Returns:
        (...) float64. Where all rounds have the same number of labels, the plain mean.
    """
    return _mean_height(labels, values, labels[0], labels[-1])


def thirds(labels: Float64Array, values: Float64Array) -> Float64Array:
    """`aulc` of the early, middle and late third of the span of labels, cut between rounds where need be.

    Returns:
        (..., 3) float64; their mean is the whole AULC.
    """
    cuts = np.linspace(labels[0], labels[-1], 4)
    parts = [_mean_height(labels, values, cuts[i], cuts[i + 1]) for i in range(3)]
    return np.stack(parts, axis=-1)


def labels_to(labels: Float64Array, values: Float64Array, targets: Float64Array) -> Float64Array:
    """Labels at the first round whose value is at least the run's target.

    Args:
        labels: (R,) float64.
        values: (runs, R) float64.
        targets: (runs,) float64.

    Returns:
        (runs,) float64, infinite where the target is never reached (censored), NaN for a target that is NaN.
    """
    reached = values >= targets[:, None]
    found = np.where(reached.any(axis=1), labels[reached.argmax(axis=1)], np.inf)
    return np.where(np.isnan(targets), np.nan, found)


def clear(probes: pd.DataFrame) -> "pd.Series[bool]":
    """Where the probe's accuracy is clearly above chance: the lower end of its one-sided 95 % interval by `LEAST_LIFT`.

    Elsewhere shares of the way from chance to the probe mean nothing, and strategies differ by noise.
    """
    lift = probes["accuracy"] - probes["chance_accuracy"]
    return lift - _ONE_SIDED * probes["lift_error"] > LEAST_LIFT


AULC = Table(
    "aulc",
    "Every run",
    "A row is a metric of one run: averaged over its labels (AULC), at round 0, in the thirds, and at the end.",
    (
        *(TASK, EMBEDDER, POOL, STRATEGY, SEED, METRIC),
        Column("aulc", "AULC", "points"),
        *(Column(name, PHASE_NAMES[name], "points") for name in PHASES),
        Column("probe", "full pool", "points"),
        Column("chance", "chance", "points"),
        Column("headroom", "headroom", "points"),
        Column("clear", "probe clearly above chance", "flag"),
        *(Column(f"labels_to_{share}", f"labels to {share} %", "count") for share in SHARES),
    ),
    shown=False,
)


def run_areas(frame: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    """The summary of every run for each of `AREAS`.

    Args:
        frame: `runs.load`.
        probes: `runs.load_probes`.

    Returns:
        The keys of a run, metric, aulc, then the height at round 0 (initial), the AULC of the early, middle
        and late third, the height at the last round (final), the full-pool probe, chance, headroom (probe − final),
        clear (`clear` of the cell), and labels_to_75, _90, _95, _99: labels to come so many percent of the way from
        chance to the probe, infinite for never, NaN where the probe is not clearly above chance.
    """
    parts = []
    probes = probes.assign(clear=clear(probes))
    for metric in AREAS:
        for keys, labels, values in blocks(frame, metric):
            ends = keys.merge(
                probes[["dataset", "embedder", metric, f"chance_{metric}", "clear"]],
                on=["dataset", "embedder"],
                how="left",
                validate="many_to_one",
            )
            ceiling, floor = (ends[name].to_numpy(dtype=np.float64) for name in (metric, f"chance_{metric}"))
            known = ends["clear"].to_numpy(dtype=bool)
            early, middle, late = np.moveaxis(thirds(labels, values), -1, 0)
            part = keys.assign(
                metric=metric,
                aulc=aulc(labels, values),
                initial=values[:, 0],
                early=early,
                middle=middle,
                late=late,
                final=values[:, -1],
                probe=ceiling,
                chance=floor,
                headroom=ceiling - values[:, -1],
                clear=known,
            )
            for share in SHARES:
                targets = np.where(known, floor + share / 100 * (ceiling - floor), np.nan)
                part[f"labels_to_{share}"] = labels_to(labels, values, targets)
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return table.assign(metric=pd.Categorical(table["metric"], categories=AREAS))


def shares(scores: pd.DataFrame, column: str) -> "pd.Series[float]":
    """How far ``column`` of `run_areas` is on the way from chance (0) to the full-pool probe (1); NaN where unclear."""
    share = (scores[column] - scores["chance"]) / (scores["probe"] - scores["chance"])
    return share.where(scores["clear"])


def arrivals(scores: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """When the runs of each group of ``by`` reach their targets, those that never do being censored.

    Args:
        scores: `run_areas`.
        by: columns.

    Returns:
        ``by``, and for each of `SHARES` labels_to_<share> (the median over all runs; infinite where half of them or
        more never arrive, NaN where the target is undefined) and arrived_<share> (the share of runs that arrive).
    """
    names = [f"labels_to_{share}" for share in SHARES]
    groups = scores.groupby(by, observed=True)[names]
    reached = groups.agg(lambda values: np.isfinite(values).mean() if values.notna().any() else np.nan)
    reached.columns = [f"arrived_{share}" for share in SHARES]
    return pd.concat([groups.agg(_censored_median), reached], axis=1).reset_index()


def _censored_median(values: "pd.Series[float]") -> float:
    """The upper median, so that it is a number only where more than half of the runs are known to have arrived."""
    known = np.sort(values.dropna().to_numpy(dtype=np.float64))
    return float(known[len(known) // 2]) if known.size else np.nan


def _mean_height(labels: Float64Array, values: Float64Array, start: float, end: float) -> Float64Array:
    if start == end:
        return np.asarray(values.mean(axis=-1))
    inside = labels[(labels > start) & (labels < end)]
    knots = np.concatenate([[start], inside, [end]])
    area: Float64Array = np.trapezoid(_interpolate(labels, values, knots), knots, axis=-1)
    return area / (end - start)


def _interpolate(labels: Float64Array, values: Float64Array, at: Float64Array) -> Float64Array:
    right = np.clip(np.searchsorted(labels, at, side="left"), 1, len(labels) - 1)
    width = labels[right] - labels[right - 1]
    weight = np.divide(at - labels[right - 1], width, out=np.ones_like(at), where=width > 0)
    return values[..., right - 1] * (1 - weight) + values[..., right] * weight  # type: ignore[no-any-return]
