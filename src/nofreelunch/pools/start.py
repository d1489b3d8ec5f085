"""The initial pools of one seed of a cell."""

from collections.abc import Hashable, Mapping
from typing import Any

from nofreelunch.geometry import Geometry
from nofreelunch.query import PoolSelection, Start
from nofreelunch.randomness import generator
from nofreelunch.rows import FloatArray, IntArray


def select_all(
    features: FloatArray,
    norms: FloatArray,
    shared: dict[Hashable, Any],
    size: int,
    names: tuple[str, str],
    seed: int,
    selections: Mapping[str, tuple[PoolSelection, Mapping[str, Any]]],
) -> dict[str, IntArray]:
    """(k₀,) rows for each of ``selections``, best first; one selection's rows do not depend on the others.

    Args:
        features: (n, d) float32, scaled.
        norms: (n,) float32 squared row lengths.
        shared: facts about the pool that hold for every seed.
        size: k₀.
        names: the task's and the embedder's.
        seed: number of the repetition.
        selections: a function and its options, by name.
    """
    geometry = Geometry(features, norms, *names, seed, shared=shared)
    return {
        ips: select(Start(features, geometry, size, generator(*names, ips, seed, "initial pool")), **options)
        for ips, (select, options) in selections.items()
    }
