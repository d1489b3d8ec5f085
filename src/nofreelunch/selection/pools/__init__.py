"""Initial pool selections (IPS), one file each. A new one is one file and one line here."""

from collections.abc import Mapping
from typing import Any

from nofreelunch.selection import foreign
from nofreelunch.selection.pools import coreset, kmeans, maxherding, probcover, random, typiclust
from nofreelunch.selection.query import PoolSelection

POOLS: dict[str, PoolSelection] = {
    "random": random.select,
    "typiclust": typiclust.select,
    "coreset": coreset.select,
    "kmeans": kmeans.select,
    "probcover": probcover.select,
    "maxherding": maxherding.select,
}


def parts(entry: Mapping[str, Any]) -> tuple[PoolSelection, dict[str, Any]]:
    """The selection and the options of an entry of params.yaml, which may have a name of its own."""
    options = dict(entry)
    if "from" in options:
        return foreign.pool(options.pop("from")), options
    return POOLS[options.pop("pool")], options
