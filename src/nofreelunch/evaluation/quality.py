"""How embedding quality goes with what active learning achieves: rank correlations with intervals."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.evaluation.intervals import DRAWS, bootstrap_interval, resamples
from nofreelunch.evaluation.runs import HELD
from nofreelunch.evaluation.table import Column, Table, hidden, interval

SITE = ["dataset", "embedder"]
FEWEST = 4


def measures(probes: pd.DataFrame, diagnostics: pd.DataFrame) -> pd.DataFrame:
    """Embedding quality in long form: dataset, embedder, measure, value; sites where a value is unknown are left out.

    Measures: ``probe_accuracy`` (linear probe on the full pool, on the half of the test rows that no outcome uses; see
    `correctness.halves`), ``mteb`` (published average, where known) and
    those of `diagnostics`.

    Args:
        probes: `runs.load_probes`, with the column mteb.
        diagnostics: `runs.load_diagnostics`.
    """
    parts = [
        probes[SITE].assign(measure="probe_accuracy", value=probes["quality"]),
        probes[SITE].assign(measure="mteb", value=probes["mteb"]),
        diagnostics[[*SITE, "measure", "value"]],
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset="value")


def outcomes(scores: pd.DataFrame, strategy_gains: pd.DataFrame, pool_gains: pd.DataFrame) -> pd.DataFrame:
    """What may depend on quality, in long form: dataset, embedder, outcome, value.

    Outcomes, of accuracy on the half of the test rows that quality has not seen: ``initial.<ips>`` (at k₀),
    ``aulc.<strategy>`` and ``strategy_gain.<strategy>`` (over random querying; both averaged over pools),
    ``pool_gain.<ips>.<phase>`` (over a random pool).
    """
    accuracy = scores[scores["metric"] == HELD]
    strategies = strategy_gains[strategy_gains["metric"] == HELD]
    pools = pool_gains[(pool_gains["metric"] == HELD) & pool_gains["phase"].isin(["initial", "early"])]
    parts = [
        _outcome(accuracy, "initial." + accuracy["ips"].astype(str), "initial"),
        _outcome(accuracy, "aulc." + accuracy["strategy"].astype(str), "aulc"),
        _outcome(strategies, "strategy_gain." + strategies["strategy"].astype(str), "mean"),
        _outcome(pools, "pool_gain." + pools["ips"].astype(str) + "." + pools["phase"].astype(str), "mean"),
    ]
    return pd.concat(parts, ignore_index=True)


def gained(reached: pd.DataFrame) -> pd.DataFrame:
    """Those of `outcomes` that are gains."""
    return reached[reached["outcome"].str.contains("_gain.", regex=False)]


QUALITY = Table(
    "quality",
    "What goes with embedding quality",
    "A row is the rank correlation of a measure of quality with an outcome over (task, embedder), with its 95 % "
    "interval.",
    (
        *(Column("measure", "measure"), Column("outcome", "outcome"), Column("level", "level")),
        *interval("spearman", "Spearman's ρ", "number", "spearman_lo", "spearman_hi"),
        *interval("kendall", "Kendall's τ", "number", "kendall_lo", "kendall_hi"),
        Column("n", "cells", "count"),
        Column("k0", "k₀"),
        Column("caveat", "caveat"),
        *hidden("count", embedders="embedders"),
    ),
    "pooled: over all of them; within: mean over tasks of the correlation among a task's embedders. Bootstrap "
    "intervals over tasks. Exploratory: one of many correlations is high by chance. Accuracy of the probe is on other "
    "test rows than the outcomes.",
)


def correlations(quality: pd.DataFrame, reached: pd.DataFrame) -> pd.DataFrame:
    """Each measure of quality against each outcome, over (dataset, embedder), in two ways.

    Args:
        quality: `measures`.
        reached: `outcomes`.

    Returns:
        measure, outcome, level, n (sites), embedders, spearman, spearman_lo, spearman_hi, kendall (τ-b),
        kendall_lo, kendall_hi, caveat. level 'pooled' correlates over all sites, so that easy and hard
        datasets take part; 'within' is the mean over datasets of the correlation among a dataset's embedders.
        Intervals are 95 % percentile bootstraps over datasets, with all sites of one; exploratory: not corrected for
        the number of correlations, and too narrow for few datasets (docs/statistics.md). NaN where either side does not
        vary; the caveat says when the grid is too small to decide anything.
    """
    rows = []
    for measure, known in quality.groupby("measure", observed=True, sort=False):
        for outcome, part in reached.groupby("outcome", observed=True, sort=False):
            joined = known.merge(part, on=SITE, suffixes=("_quality", "_outcome"), validate="one_to_one")
            x, y = joined["value_quality"].to_numpy(), joined["value_outcome"].to_numpy()
            groups = joined["dataset"].astype("category").cat.codes.to_numpy()
            embedders = joined["embedder"].astype(str).nunique()
            caveat = _caveat(embedders)
            for level, estimates in (("pooled", _pooled(x, y, groups)), ("within", _within(x, y, groups))):
                rows.append((measure, outcome, level, len(joined), embedders, *estimates, caveat))
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = ["measure", "outcome", "level", "n", "embedders"]
_COLUMNS += ["spearman", "spearman_lo", "spearman_hi", "kendall", "kendall_lo", "kendall_hi", "caveat"]


def spearman(x: Float64Array, y: Float64Array) -> Float64Array:
    """Spearman's ρ along the last axis of (..., n); NaN where a side is constant."""
    return _cosine(_centred(scipy.stats.rankdata(x, axis=-1)), _centred(scipy.stats.rankdata(y, axis=-1)))


def kendall(x: Float64Array, y: Float64Array) -> Float64Array:
    """Kendall's τ-b along the last axis of (..., n); NaN where a side is constant."""
    first, second = np.triu_indices(x.shape[-1], 1)
    return _cosine(np.sign(x[..., first] - x[..., second]), np.sign(y[..., first] - y[..., second]))


def resampled(x: Float64Array, y: Float64Array, counts: IntArray) -> tuple[Float64Array, Float64Array]:
    """`spearman` and `kendall` of bootstrap samples of (n,) pairs that are told by ``counts`` ((draws, n)).

    A row's midrank in a sample is, but for a constant, half of Σⱼ countⱼ sign(xᵢ − xⱼ); pairs of a row with itself tie.

    Returns:
        (draws,) each; NaN where a side is constant.
    """
    weights = counts.astype(np.float64)
    first, second = (np.sign(side[:, None] - side) for side in (x, y))
    a, b = weights @ first.T, weights @ second.T
    rho = _ratio((weights * a * b).sum(axis=1), (weights * a * a).sum(axis=1), (weights * b * b).sum(axis=1))
    concord, one, other = (
        ((weights @ part) * weights).sum(axis=1) for part in (first * second, first * first, second * second)
    )
    return rho, _ratio(concord, one, other)


def _pooled(x: Float64Array, y: Float64Array, groups: npt.NDArray[np.int8]) -> tuple[float, ...]:
    names, member = np.unique(groups, return_inverse=True)
    draws = resampled(x, y, resamples(len(names), DRAWS, generator("quality", "pooled"))[:, member])
    estimates = (float(spearman(x, y)), float(kendall(x, y)))
    return tuple(
        value for one, drawn in zip(estimates, draws, strict=True) for value in (one, *bootstrap_interval(drawn))
    )


def _within(x: Float64Array, y: Float64Array, groups: npt.NDArray[np.int8]) -> tuple[float, ...]:
    values: list[float] = []
    for coefficient in (spearman, kendall):
        each = np.array([float(coefficient(x[groups == g], y[groups == g])) for g in np.unique(groups)])
        each = each[np.isfinite(each)]
        if each.size < 2:
            values += [float(each.mean()) if each.size else np.nan, np.nan, np.nan]
        else:
            counts = resamples(each.size, DRAWS, generator("quality", "within"))
            values += [float(each.mean()), *bootstrap_interval(counts @ each / each.size)]
    return tuple(values)


def _caveat(embedders: int) -> str:
    if embedders >= FEWEST:
        return ""
    return f"only {embedders} embedder(s): a rank correlation needs at least {FEWEST} to say anything"


def _outcome(table: pd.DataFrame, names: pd.Series, column: str) -> pd.DataFrame:
    groups = table.assign(outcome=names).groupby([*SITE, "outcome"], observed=True, sort=False)
    return groups[column].mean().rename("value").reset_index()


def _centred(values: Float64Array) -> Float64Array:
    return np.asarray(values - values.mean(axis=-1, keepdims=True))


def _cosine(a: Float64Array, b: Float64Array) -> Float64Array:
    return _ratio((a * b).sum(axis=-1), (a * a).sum(axis=-1), (b * b).sum(axis=-1))


def _ratio(product: Float64Array, one: Float64Array, other: Float64Array) -> Float64Array:
    length = np.sqrt(one * other)
    return np.asarray(np.divide(product, length, out=np.full_like(length, np.nan), where=length > 0))
