"""Stage initialize: initial pools of one cell to data/pools/<dataset>/<embedder>.parquet."""

from nofreelunch import layout, storage
from nofreelunch.command import stage
from nofreelunch.initial_pools import initial_pools
from nofreelunch.params import Params


def initialize(params: Params, dataset: str, embedder: str) -> int:
    """Select the initial pools of every selection and seed."""
    pools = initial_pools(params, dataset, embedder)
    storage.write_table(layout.pools(dataset, embedder), pools)
    return len(pools["row"])


if __name__ == "__main__":
    stage(initialize, "dataset", "embedder", unit="rows")
