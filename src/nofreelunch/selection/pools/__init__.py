"""Initial pool selections (IPS), one file each. A new one is one file, whose last line declares it."""

from collections.abc import Mapping
from typing import Any

from nofreelunch.base.found import entries
from nofreelunch.selection import foreign
from nofreelunch.selection.query import PoolSelection

POOLS: dict[str, PoolSelection] = entries(__name__, __path__)


def parts(entry: Mapping[str, Any]) -> tuple[PoolSelection, dict[str, Any]]:
    """The selection and the options of an entry of params.yaml, which may have a name of its own."""
    options = dict(entry)
    if "from" in options:
        return foreign.pool(options.pop("from")), options
    return POOLS[options.pop("pool")], options
