"""Initial pools of one (task, embedder) cell."""

from collections.abc import Hashable
from typing import Any

from threadpoolctl import threadpool_limits

from nofreelunch.cell_files import budget_for, read_data
from nofreelunch.geometry import Geometry
from nofreelunch.heads.scaling import scale
from nofreelunch.params import Params
from nofreelunch.pools import POOLS
from nofreelunch.query import Start
from nofreelunch.randomness import generator
from nofreelunch.rows import squared_norms

Columns = dict[str, Any]


def initial_pools(params: Params, dataset: str, embedder: str) -> Columns:
    """Initial pools of every selection and seed, long form: ips, seed, rank, row.

    Raises:
        UserError: k₀ is larger than the pool.
    """
    data = read_data(dataset, embedder)
    size = budget_for(params, dataset, data.class_count, len(data.pool)).initial
    pool, _ = scale(data.pool, data.test[:0], params.head.scaling)
    norms = squared_norms(pool)
    shared: dict[Hashable, Any] = {}
    columns: Columns = {"ips": [], "seed": [], "rank": [], "row": []}
    with threadpool_limits(1):
        for seed in range(params.grid.seeds):
            geometry = Geometry(pool, norms, dataset, embedder, seed, shared=shared)
            for ips in params.grid.pools:
                start = Start(pool, geometry, size, generator(dataset, embedder, ips, seed, "initial pool"))
                rows = POOLS[ips](start, **params.pools[ips])
                columns["ips"] += [ips] * size
                columns["seed"] += [seed] * size
                columns["rank"] += range(size)
                columns["row"] += rows.tolist()
    return columns
