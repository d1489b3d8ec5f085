"""Initial pools of one (task, embedder) cell: planned, selected where the memo lacks them, and put into a table."""

from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nofreelunch.base.arrays import AnyArray, AnyFloatArray, FloatArray
from nofreelunch.base.provenance import code_digest, defining_modules, definition, environment
from nofreelunch.base.storage import Entry, Memo, digest
from nofreelunch.cells.cell_files import budget_for
from nofreelunch.cells.made import Made, make, named, refuse
from nofreelunch.compute.work import Work
from nofreelunch.heads.scaling import scale
from nofreelunch.params import Params
from nofreelunch.selection.pools import parts
from nofreelunch.selection.pools.start import select_all
from nofreelunch.selection.query import PoolSelection
from nofreelunch.space import device
from nofreelunch.space.rows import squared_norms

Columns = dict[str, AnyArray]


@dataclass(frozen=True)
class PoolPlan:
    """The initial pools of one cell, and all that they need.

    Attributes:
        params, dataset, embedder: of the cell.
        features: (n, d), the pool as stored.
        size: k₀.
        keys: of their entries in the memo, by seed and selection, in grid order.
    """

    params: Params
    dataset: str
    embedder: str
    features: AnyFloatArray
    size: int
    keys: dict[tuple[int, str], str]

    @classmethod
    def of(cls, params: Params, dataset: str, embedder: str, features: AnyFloatArray, classes: int) -> "PoolPlan":
        """The plan of a cell whose task has so many ``classes``.

        Raises:
            UserError: k₀ is larger than the pool.
        """
        size = budget_for(params, dataset, classes, len(features)).initial
        settings = {
            "cell": [dataset, embedder],
            "scaling": [params.head.scaling, params.head.centre],
            "size": size,
            "environment": environment() | device.mark(),
        }
        base = digest("initial pool", np.asarray(features), settings)
        selections = {ips: parts(params.pools[ips]) for ips in params.grid.pools}
        kinds = {
            ips: digest(
                {"ips": ips, "selection": definition(select), "options": options},
                code_digest(
                    "nofreelunch.heads.scaling", "nofreelunch.selection.pools.start", *defining_modules(select)
                ),
            )
            for ips, (select, options) in selections.items()
        }
        keys = {
            (seed, ips): digest(base, kind, str(seed))
            for seed in range(params.grid.seeds)
            for ips, kind in kinds.items()
        }
        return cls(params, dataset, embedder, features, size, keys)

    def found(self, memo: Memo) -> dict[str, Entry]:
        """What the memo holds of them, by key."""
        return memo.load_all(self.keys.values())

    def work(self, found: Container[str]) -> Work[Made]:
        """The work on those that are not among the keys ``found``: a piece for each seed makes entries of the memo."""
        missing: dict[int, dict[str, str]] = {}
        for (seed, ips), key in self.keys.items():
            if key not in found:
                missing.setdefault(seed, {})[ips] = key
        if not missing:
            return Work(_select, (), [])
        with threadpool_limits(1):
            pool, _ = scale(self.features, self.features[:0], self.params.head.scaling, centre=self.params.head.centre)
            norms = squared_norms(pool)
        shared: dict[Hashable, Any] = {}
        selections = {ips: parts(self.params.pools[ips]) for ips in self.params.grid.pools}
        names = self.dataset, self.embedder
        return Work(_select, (pool, norms, shared, self.size, names, selections), list(missing.items()))

    def table(self, entries: Mapping[str, Entry]) -> Columns:
        """All of them, long form: ips, seed, rank, row."""
        return {
            "ips": np.repeat([ips for _, ips in self.keys], self.size),
            "seed": np.repeat([seed for seed, _ in self.keys], self.size),
            "rank": np.tile(np.arange(self.size), len(self.keys)),
            "row": np.concatenate([entries[key]["rows"] for key in self.keys.values()]),
        }


def initial_pools(
    params: Params, dataset: str, embedder: str, features: AnyFloatArray, classes: int, memo: Memo
) -> Columns:
    """The initial pools of every selection and seed, those selected that the memo does not hold; see `PoolPlan.table`.

    Raises:
        UserError: k₀ is larger than the pool, or selections are at fault; all others are in the memo then.
    """
    plan = PoolPlan.of(params, dataset, embedder, features, classes)
    entries = plan.found(memo)
    work = plan.work(entries)
    faults: list[str] = []
    for argument in work.arguments:
        made = work.function(*work.shared, argument)
        memo.save_all(made.entries)
        entries |= made.entries
        faults += made.faults
    refuse(faults, "initial pools")
    return plan.table(entries)


def _select(
    features: FloatArray,
    norms: FloatArray,
    shared: dict[Hashable, Any],
    size: int,
    names: tuple[str, str],
    selections: Mapping[str, tuple[PoolSelection, Mapping[str, Any]]],
    wanted: tuple[int, Mapping[str, str]],
) -> Made:
    """`select_all`, whatever goes wrong with one of them."""
    seed, keys = wanted

    def selected(some: Sequence[tuple[str, str]]) -> dict[str, Entry]:
        with named(f"pool {', '.join(repr(ips) for ips, _ in some)} on {names[0]} × {names[1]}, seed {seed}"):
            return select_all(features, norms, shared, size, names, selections, (seed, dict(some)))

    return make(selected, list(keys.items()))
