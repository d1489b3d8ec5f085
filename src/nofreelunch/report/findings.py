"""The summary of the report: what the tables come to, in a few sentences with numbers."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.evaluation.claims import UNTESTABLE
from nofreelunch.evaluation.evidence import over_datasets
from nofreelunch.evaluation.recommendation import HINDSIGHT, LEARNED
from nofreelunch.evaluation.runs import BASELINE, CELL
from nofreelunch.figures import style
from nofreelunch.report.sources import link


@dataclass(frozen=True)
class Finding:
    """A number, what it is, and where it comes from.

    Attributes:
        value: the number, as text.
        title: what it is.
        note: what to think of it.
        source: a link within the report.
    """

    value: str
    title: str
    note: str
    source: str


def findings(tables: dict[str, pd.DataFrame], claims: list[dict[str, Any]]) -> list[Finding]:
    """The few numbers that come first; one is left out where the grid has nothing to say about it."""
    made = [_claims(claims), _strategy(tables), _start(tables), _rule(tables), _saturation(tables)]
    return [finding for finding in made if finding is not None]


def _claims(claims: list[dict[str, Any]]) -> Finding:
    counts = Counter(claim["verdict"] for claim in claims)
    rest = (
        f"{counts['contradicted']} contradicted, {counts['undecided']} undecided, {counts[UNTESTABLE]} that cannot be "
    )
    return Finding(
        f"{counts['supported']} of {len(claims)}",
        "claims of the paper supported by this grid",
        f"{rest}tested with so few tasks or embedders, at a family-wise error of 5 %",
        "#claims",
    )


def _strategy(tables: dict[str, pd.DataFrame]) -> Finding | None:
    everything = tables["ranks"][tables["ranks"]["metric"] == "accuracy"]
    ranks = everything[everything["strategy"] != BASELINE]
    if ranks.empty:
        return None
    best = str(ranks.groupby("strategy", observed=True)["gain"].mean().idxmax())
    own = ranks[ranks["strategy"] == best]
    gain = over_datasets("", own.groupby("dataset", observed=True)["gain"].mean())
    cells = everything.groupby(CELL, observed=True)["rank"]
    first = int((own["rank"] == cells.transform("min")[own.index]).sum())
    return Finding(
        f"{_points(gain.estimate)}{_interval(gain.lo, gain.hi)}",
        f"points of AULC that {style.words(best)}, the best strategy on average, gains over random",
        f"it is best in {first} of {len(own)} cells; interval over tasks",
        link("cells", strategy=best),
    )


def _start(tables: dict[str, pd.DataFrame]) -> Finding | None:
    gains = tables["pool_gains"]
    gains = gains[(gains["metric"] == "accuracy") & (gains["phase"] == "initial")]
    if gains.empty:
        return None
    best = str(gains.groupby("ips", observed=True)["mean"].mean().idxmax())
    own = gains[gains["ips"] == best]
    gain = over_datasets("", own.groupby("dataset", observed=True)["mean"].mean())
    return Finding(
        f"{_points(gain.estimate)}{_interval(gain.lo, gain.hi)}",
        f"points of accuracy that a {style.words(best)} pool gains over a random one before the first query",
        f"it gains in {int((own['mean'] > 0).sum())} of {len(own)} (task, embedder); interval over tasks",
        link("pool_gains", ips=best, phase="initial"),
    )


def _rule(tables: dict[str, pd.DataFrame]) -> Finding | None:
    table = tables["policies"]
    if table.empty:
        return None
    table = table[(table["budget"] == table["budget"].max()) & (table["policy"] != HINDSIGHT)]
    if LEARNED not in set(table["policy"]):
        return None
    row = table.set_index("policy").loc[LEARNED]
    simple = table[~table["policy"].str.startswith(LEARNED)].sort_values("regret", kind="stable")
    rival = "" if simple.empty else f"; “{simple.iloc[0]['policy']}” loses {_plain(simple.iloc[0]['regret'])}"
    return Finding(
        _plain(row["regret"]),
        f"points that the learned rule loses to the best choice in hindsight, with {int(row['budget']):,} labels",
        f"on tasks left out{rival}",
        "#recommendation",
    )


def _saturation(tables: dict[str, pd.DataFrame]) -> Finding:
    table = tables["aulc"][tables["aulc"]["metric"] == "accuracy"]
    headroom = table.groupby(["dataset", "embedder"], observed=True)["headroom"].mean()
    return Finding(
        _plain(headroom.mean()),
        "points below a probe on the full pool when the budget is spent, on average",
        f"from {_plain(headroom.min())} to {_plain(headroom.max())} over (task, embedder)",
        link("cells"),
    )


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _plain(value: float) -> str:
    return f"{100 * value:.1f}".replace("-", "−")


def _interval(lo: float, hi: float) -> str:
    return f" [{_plain(lo)}, {_plain(hi)}]" if np.isfinite(lo) else ""
