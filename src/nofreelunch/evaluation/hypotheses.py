"""The test of each claim of the paper, fixed before looking: quantities that the claim says are positive.

The thresholds `_SATURATED` and `_MARGIN` (accuracy below which a loss does not count) are our own choice. What claims
say of cost is tested in `cost`, by the seconds of a machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from nofreelunch.evaluation import student
from nofreelunch.evaluation.aulc import PHASES, shares
from nofreelunch.evaluation.claim_test import (
    NotTestableError,
    Part,
    differs,
    grows_with,
    jackknifed,
    most_of,
    over_datasets,
)
from nofreelunch.evaluation.clones import without_clones
from nofreelunch.evaluation.intervals import paired_difference
from nofreelunch.evaluation.material import (
    Material,
    by_dataset,
    by_site,
    gains_of_pool,
    gains_of_strategy,
    need,
    quality_by_site,
)
from nofreelunch.evaluation.quality import FEWEST, spearman
from nofreelunch.evaluation.runs import BASELINE, FACTORS, RUN

_SATURATED = 0.95
_MARGIN = 0.01
_SPLIT = "quality is measured on one half of the test rows, and what it goes with on the other"
_DEFINITIONS = {
    "ties_half": "here, ties shared",
    "rounded": "the paper's group does, rounded, ties for nobody",
    "best_seed": "the group's other way, by each one's best seed",
}
_MEASURED = "seconds, and so money, are those of a machine; 'python -m nofreelunch cost' tests it with yours"


def _diverse_start(material: Material) -> tuple[list[Part], str]:
    parts = [
        over_datasets(
            f"gain in accuracy of a TypiClust pool, {phase}",
            by_dataset(gains_of_pool(material.pool_gains, "typiclust", phase), "mean"),
        )
        for phase in ("initial", "early")
    ]
    if "coreset" not in set(material.pool_gains["ips"]):
        return parts, "the half about CoreSet pools is not tested: none in the grid"
    loss = -by_dataset(gains_of_pool(material.pool_gains, "coreset", "initial"), "mean")
    return [*parts, over_datasets("loss in accuracy of a CoreSet pool, initial", loss)], ""


def _start_grows(material: Material) -> tuple[list[Part], str]:
    gain = by_site(gains_of_pool(material.held["pool_gains"], "typiclust", "initial"), "mean")
    quantity = "ρ of probe accuracy and the initial gain of a TypiClust pool"
    return [grows_with(quantity, quality_by_site(material), {"": gain})], _SPLIT


def _start_fades(material: Material) -> tuple[list[Part], str]:
    gains = material.pool_gains
    first, late = (by_dataset(gains_of_pool(gains, "typiclust", phase), "mean") for phase in ("initial", "late"))
    return [
        over_datasets("initial gain of a TypiClust pool", first),
        over_datasets("initial minus late gain of a TypiClust pool", first - late),
        over_datasets(f"late gain of a TypiClust pool plus {100 * _MARGIN:.0f} point", late + _MARGIN),
    ], f"that the effect fades to no less than −{100 * _MARGIN:.0f} point is our reading: else it would be a loss"


def _better_embedders_win(material: Material) -> tuple[list[Part], str]:
    outcomes = {
        f"with {strategy}, {phase}": by_site(table, phase)
        for strategy, table in material.held["scores"].groupby("strategy", observed=True)
        for phase in ("initial", "early", "middle", "late")
    }
    return [grows_with("ρ of probe accuracy and accuracy", quality_by_site(material), outcomes)], _SPLIT


def _none_is_best(material: Material) -> tuple[list[Part], str]:
    return [_best_differs(material), _rankings_differ(material)], ""


def _best_differs(material: Material) -> Part:
    """Is the strategy that is best overall beaten somewhere, or nowhere?

    Paired t-tests over seeds inside each dataset × embedder, corrected by Bonferroni: they speak of these very cells.
    """
    overall = material.ranks.groupby("strategy", observed=True)["aulc"].mean()
    champion = str(overall.idxmax())
    scores = without_clones(material.scores, material.clones)
    gaps = paired_difference(scores, "strategy", champion, RUN, ["aulc"])
    keys = ["dataset", "embedder", "strategy"]
    gaps = gaps.groupby([*keys, "seed"], observed=True)["aulc"].mean().reset_index()
    cells = gaps.groupby(keys, observed=True)["aulc"]
    cells = cells.agg(n="count", mean="mean", deviation="std")
    if not len(cells) or cells["n"].min() < 2:
        raise NotTestableError("needs two strategies and two seeds")
    cells["deviation"] = cells["deviation"].clip(lower=1e-12)
    t = (cells["mean"] / (cells["deviation"] / np.sqrt(cells["n"]))).to_numpy()
    beaten, beats = (student.tail(sign * t, cells["n"].to_numpy() - 1) for sign in (1, -1))
    worst = cells["mean"].groupby(["dataset", "embedder"], observed=True).max()
    quantity = f"largest lead in AULC over {champion}, the best overall, in any (dataset, embedder)"
    p_for, p_against = min(1.0, len(t) * float(beaten.min())), float(beats.max())
    return Part(quantity, float(worst.max()), np.nan, np.nan, p_for, p_against, len(worst), "cells")


def _rankings_differ(material: Material) -> Part:
    """Do strategies rank alike between embedders as well as between halves of the seeds of one embedder?"""
    halves = [
        material.scores[material.scores["seed"] % 2 == half]
        .groupby(["dataset", "embedder", "strategy"], observed=True)["aulc"]
        .mean()
        .unstack("strategy")
        for half in (0, 1)
    ]
    if halves[0].shape[1] < 3 or halves[1].empty or material.probes["embedder"].nunique() < 2:
        raise NotTestableError("needs three strategies, two embedders and two seeds")
    excess = {}
    for dataset in halves[0].index.unique("dataset"):
        one, other = (half.loc[dataset].to_numpy() for half in halves)
        rho = np.nan_to_num(spearman(one[:, None, :], other[None, :, :]))
        same = np.eye(len(rho), dtype=bool)
        excess[dataset] = rho[same].mean() - rho[~same].mean()
    return over_datasets(
        "rank correlation of strategies within an embedder minus between embedders", pd.Series(excess), "number"
    )


def _margin_peaks(material: Material) -> tuple[list[Part], str]:
    """On the dataset where margin leads most, t-tests over its embedders, corrected by Bonferroni; not over seeds."""
    need(material.ranks, "strategy", "margin")
    if material.probes["embedder"].nunique() < 2:
        raise NotTestableError("needs two embedders")
    distinct = without_clones(material.scores, material.clones)
    lead = paired_difference(distinct, "strategy", "margin", RUN, ["aulc"])
    lead = lead.groupby(["dataset", "strategy", "embedder"], observed=True)["aulc"].mean().rename("lead").reset_index()
    lead["lead"] *= -1
    cells = lead.groupby(["dataset", "strategy"], observed=True)["lead"].agg(n="count", mean="mean", deviation="std")
    t = cells["mean"] / (cells["deviation"].clip(lower=1e-12) / np.sqrt(cells["n"]))
    above, below = (pd.Series(student.tail(sign * t, cells["n"] - 1), cells.index) for sign in (1, -1))
    lowest = cells["mean"].groupby("dataset", observed=True).min()
    p_for = min(1.0, len(lowest) * float(above.groupby("dataset", observed=True).max().min()))
    beaten = below.groupby("dataset", observed=True).min() * cells.groupby("dataset", observed=True).size()
    quantity = "lead in AULC of margin over the next best on its best dataset"
    peak = Part(
        quantity, float(lowest.max()), np.nan, np.nan, p_for, min(1.0, float(beaten.max())), len(lowest), "datasets"
    )

    def wider(part: pd.DataFrame) -> float:
        spread = part.groupby("strategy", observed=True)["rank"].std().drop(BASELINE)
        return float(spread["margin"] - spread.drop("margin").mean())

    if len(set(material.ranks["strategy"]) - {BASELINE}) < 2:
        raise NotTestableError("needs a strategy beside margin and random")
    return [
        peak,
        jackknifed("spread of the ranks of margin minus that of the others", material.ranks, wider),
    ], "; ".join([*_highest(material.peaks), f"'at low cost' is not tested here: {_MEASURED}"])


def _highest(peaks: pd.DataFrame) -> list[str]:
    """Margin's highest share of wins on any dataset, and anyone's, by each definition of a win."""
    notes = []
    for definition, table in peaks.groupby("definition", sort=False):
        own = table[table["strategy"] == "margin"]
        if own.empty:
            continue
        best, most = own.loc[own["rate"].idxmax()], table.loc[table["rate"].idxmax()]
        notes.append(
            f"wins counted as {_DEFINITIONS[str(definition)]}: margin {100 * best['rate']:.0f} % at most "
            f"({best['dataset']}), the highest of all {100 * most['rate']:.0f} % "
            f"({most['strategy']}, {most['dataset']})"
        )
    return notes


def _badge_is_steadier(material: Material) -> tuple[list[Part], str]:
    ranks = material.ranks
    need(ranks, "strategy", "badge", "margin")
    worst = ranks.groupby(["dataset", "strategy"], observed=True)["regret"].max().unstack("strategy").dropna()

    def wider(part: pd.DataFrame) -> float:
        spread = part.groupby("strategy", observed=True)["rank"].std()
        return float(spread["margin"] - spread["badge"])

    return [
        over_datasets("worst regret of a dataset, margin minus badge", worst["margin"] - worst["badge"]),
        jackknifed("spread of ranks, margin minus badge", ranks, wider),
    ], ""


def _badge_grows(material: Material) -> tuple[list[Part], str]:
    gain = by_site(gains_of_strategy(material.held["strategy_gains"], "badge"), "mean")
    quantity = "ρ of probe accuracy and the gain of badge over random"
    return [grows_with(quantity, quality_by_site(material), {"": gain})], _SPLIT


def _recipe(material: Material) -> tuple[list[Part], str]:
    need(material.scores, "ips", "typiclust")
    need(material.scores, "strategy", "margin", "badge")
    areas = material.scores.groupby(FACTORS, observed=True)["aulc"].mean().reset_index()
    wide = areas.groupby(["dataset", "ips", "strategy"], observed=True)["aulc"].mean().unstack(["ips", "strategy"])
    ours = [("typiclust", "margin"), ("typiclust", "badge")]
    recipe = wide[ours].mean(axis=1)
    return [
        over_datasets(
            f"AULC of TypiClust then margin or badge, minus {ips} then {strategy}, plus {100 * _MARGIN:.0f} point",
            recipe - wide[(ips, strategy)] + _MARGIN,
        )
        for ips, strategy in wide.columns
        if (ips, strategy) not in ours
    ], f"best is read as no worse than any other by more than {100 * _MARGIN:.0f} point, our choice"


def _mteb(material: Material) -> tuple[list[Part], str]:
    mteb = material.probes.groupby("embedder", observed=True)["mteb"].first().dropna()
    known = list(mteb.index)
    if len(known) < FEWEST:
        raise NotTestableError(f"needs {FEWEST} embedders whose MTEB average is known; the grid has {len(known)}")
    quality = quality_by_site(material)[known]
    quality.loc[:, :] = mteb.to_numpy()
    reached = {phase: by_site(material.scores, phase)[known] for phase in PHASES}
    return [
        *(
            grows_with(f"ρ of the MTEB average and {phase} accuracy", quality, {"": outcome})
            for phase, outcome in reached.items()
        ),
        differs("change of that ρ between round 0 and the last", quality, reached["initial"], reached["final"]),
    ], "k₀ is that of the grid; later rounds stand in for larger ones"


def _cheap(_material: Material) -> tuple[list[Part], str]:
    raise NotTestableError(_MEASURED)


def _saturates(material: Material) -> tuple[list[Part], str]:
    means = material.probes.groupby("embedder", observed=True)["accuracy"].mean().sort_values(ascending=False)
    strong = set(means.index[: max(1, (len(means) + 1) // 2)])
    table = material.scores[material.scores["embedder"].isin(strong) & (material.scores["strategy"] != BASELINE)]
    if table.empty:
        raise NotTestableError("needs a strategy beside random")
    table = table.assign(share=shares(table, "middle"))
    reached = by_dataset(table.dropna(subset="share"), "share")
    if reached.empty:
        raise NotTestableError("needs a task on which a full-pool probe is clearly above chance")
    note = "; ".join(f"{dataset} {100 * share:.0f} %" for dataset, share in reached.items())
    quantity = (
        f"share of tasks that have come {100 * _SATURATED:.0f} % of the way from chance to the full-pool probe in the "
        "middle third of the labels, with the stronger half of embedders, minus one half"
    )
    return [most_of(quantity, reached >= _SATURATED)], f"many is read as more than half; the way come: {note}"


Test = Callable[[Material], tuple[list[Part], str]]


@dataclass(frozen=True)
class Source:
    """Where numbers behind a claim stand.

    Attributes:
        text: what they are.
        table: the name of a table of the report.
        rows: column → the value of the rows in question; several are joined by '|'.
    """

    text: str
    table: str
    rows: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: its text, its test, and where the numbers behind it stand."""

    text: str
    test: Test
    sources: tuple[Source, ...] = ()


_PROBES = Source("full-pool probes", "embeddings")
_SPREAD = Source("spread of ranks", "robustness", {"scope": "all"})


def _correlations(measure: str, **outcome: str) -> Source:
    return Source("correlations", "quality", {"measure": measure, **outcome})


CLAIMS = (
    Claim(
        "TypiClust pools beat random ones at round 0 and early on; CoreSet pools are worse.",
        _diverse_start,
        (
            Source("gains of the pools at round 0", "pool_gains", {"phase": "initial"}),
            Source("early gains", "pool_gains", {"phase": "early"}),
        ),
    ),
    Claim(
        "The gain of a TypiClust pool grows with embedding quality.",
        _start_grows,
        (
            Source("gains of TypiClust pools at round 0", "pool_gains", {"ips": "typiclust", "phase": "initial"}),
            _PROBES,
            _correlations("probe_accuracy", outcome="pool_gain.typiclust.initial"),
        ),
    ),
    Claim(
        "The gain of a TypiClust pool is an early effect: it shrinks over rounds.",
        _start_fades,
        (Source("initial and late gains", "pool_gains", {"ips": "typiclust", "phase": "initial|late"}),),
    ),
    Claim(
        "Better embedders win at every budget with any strategy.",
        _better_embedders_win,
        (Source("accuracy in every phase", "cells"), _PROBES),
    ),
    Claim(
        "No strategy is best everywhere, and embedders rank strategies differently.",
        _none_is_best,
        (Source("ranks in every cell", "cells"), Source("times best", "robustness", {"scope": "all"})),
    ),
    Claim(
        "Margin has the highest peaks at low cost, with a larger spread of ranks.",
        _margin_peaks,
        (Source("margin in every cell", "cells", {"strategy": "margin"}), _SPREAD),
    ),
    Claim(
        "BADGE is more robust than margin: smaller worst regret, smaller spread of ranks.",
        _badge_is_steadier,
        (
            Source("regrets and ranks", "cells", {"strategy": "margin|badge"}),
            Source("spread and worst regret", "robustness", {"strategy": "margin|badge"}),
        ),
    ),
    Claim(
        "The gain of BADGE over random querying grows with embedding quality.",
        _badge_grows,
        (
            Source("gains of BADGE", "cells", {"strategy": "badge"}),
            _correlations("probe_accuracy", outcome="strategy_gain.badge"),
        ),
    ),
    Claim(
        "A TypiClust pool followed by margin or BADGE is the best default.",
        _recipe,
        (
            Source("after TypiClust pools", "cells", {"ips": "typiclust", "strategy": "margin|badge"}),
            Source("every pool and strategy", "defaults"),
        ),
    ),
    Claim(
        "MTEB rank goes with active learning performance, depending on k₀.",
        _mteb,
        (Source("MTEB averages", "embeddings"), _correlations("mteb")),
    ),
    Claim("Frozen embeddings make active learning cheap.", _cheap),
    Claim(
        "Many tasks saturate early with strong embedders.",
        _saturates,
        (Source("middle third beside the full pool", "cells"),),
    ),
)
