"""Stage initialize: initial pools of one cell to data/pools/<dataset>/<embedder>.parquet."""

from nofreelunch import layout, storage
from nofreelunch.cell_files import read_data
from nofreelunch.command import stage
from nofreelunch.initial_pools import initial_pools
from nofreelunch.params import Params
from nofreelunch.storage import Memo


def initialize(params: Params, dataset: str, embedder: str) -> None:
    """Select the initial pools of every selection and seed that are not in the memo, and write all of them."""
    data = read_data(dataset, embedder)
    table = initial_pools(params, dataset, embedder, data.pool, data.class_count, Memo.default())
    storage.write_table(layout.pools(dataset, embedder), table)


if __name__ == "__main__":
    stage(initialize, "dataset", "embedder")
