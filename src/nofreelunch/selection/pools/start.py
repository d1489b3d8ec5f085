"""The initial pools of one seed of a cell."""

from collections.abc import Hashable, Mapping
from typing import Any

from threadpoolctl import threadpool_limits

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.selection.query import PoolSelection, Start
from nofreelunch.space.geometry import Geometry


def select_all(
    features: FloatArray,
    norms: FloatArray,
    shared: dict[Hashable, Any],
    size: int,
    names: tuple[str, str],
    selections: Mapping[str, tuple[PoolSelection, Mapping[str, Any]]],
    wanted: tuple[int, Mapping[str, str]],
) -> dict[str, dict[str, IntArray]]:
    """Under each key that is wanted, ``rows``: the (k₀,) rows of one selection, best first, whatever the others are.

    Args:
        features: (n, d) float32, scaled.
        norms: (n,) float32 squared row lengths.
        shared: facts about the pool that hold for every seed.
        size: k₀.
        names: the task's and the embedder's.
        selections: a function and its options, by name.
        wanted: the seed, and a key for each selection that is wanted.
    """
    seed, keys = wanted
    made = {}
    with threadpool_limits(1):
        geometry = Geometry(features, norms, *names, seed, shared=shared)
        for ips, key in keys.items():
            select, options = selections[ips]
            own = (*names, ips, seed, "initial pool")
            order = generator(*own, "order").permutation(len(features))
            start = Start(geometry, order, size, generator(*own))
            made[key] = {"rows": select(start, **options)}
    return made
