"""Query strategies, one file each. A new one is one file and one line here."""

from collections.abc import Mapping
from typing import Any

from nofreelunch.selection import coverage, foreign
from nofreelunch.selection.query import Strategy
from nofreelunch.selection.strategies import (
    alfamix,
    badge,
    bait,
    coreset,
    dropquery,
    entropy,
    falcun,
    least_confident,
    margin,
    maxherding,
    oracle,
    probcover,
    random,
    typiclust,
    uncertainty_herding,
)

STRATEGIES: dict[str, Strategy] = {
    "random": Strategy(random.select, uses_head=False),
    "margin": Strategy(margin.select),
    "entropy": Strategy(entropy.select),
    "least_confident": Strategy(least_confident.select),
    "coreset": Strategy(coreset.select, uses_head=False),
    "badge": Strategy(badge.select),
    "typiclust": Strategy(typiclust.select, uses_head=False),
    "bait": Strategy(bait.select),
    "dropquery": Strategy(dropquery.select),
    "alfamix": Strategy(alfamix.select, needs_linear_head=True),
    "probcover": Strategy(probcover.select, uses_head=False, prepare=coverage.prepare),
    "falcun": Strategy(falcun.select),
    "maxherding": Strategy(maxherding.select, uses_head=False, prepare=coverage.prepare),
    "uncertainty_herding": Strategy(uncertainty_herding.select, prepare=coverage.prepare),
    "oracle": Strategy(oracle.select, uses_truth=True),
}


def parts(entry: Mapping[str, Any]) -> tuple[Strategy, dict[str, Any], int | None]:
    """The strategy, the options and ``query_subset`` of an entry of params.yaml, which may have a name of its own."""
    options = dict(entry)
    subset = options.pop("query_subset")
    if "from" in options:
        return foreign.strategy(options.pop("from")), options, subset
    return STRATEGIES[options.pop("strategy")], options, subset
