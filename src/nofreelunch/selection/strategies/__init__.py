"""Query strategies, one file each. A new one is one file, whose last line declares it."""

from collections.abc import Mapping
from typing import Any

from nofreelunch.base.found import entries
from nofreelunch.selection import foreign
from nofreelunch.selection.query import Strategy

STRATEGIES: dict[str, Strategy] = entries(__name__, __path__)


def parts(entry: Mapping[str, Any]) -> tuple[Strategy, dict[str, Any], int | None]:
    """The strategy, the options and ``query_subset`` of an entry of params.yaml, which may have a name of its own."""
    options = dict(entry)
    subset = options.pop("query_subset")
    if "from" in options:
        return foreign.strategy(options.pop("from")), options, subset
    return STRATEGIES[options.pop("strategy")], options, subset
