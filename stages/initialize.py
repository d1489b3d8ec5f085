"""Stage initialize: initial pools of one cell to data/pools/<dataset>/<embedder>.parquet."""

from nofreelunch.base import layout, storage
from nofreelunch.base.storage import Memo
from nofreelunch.cells.cell_files import read_data
from nofreelunch.cells.initial_pools import initial_pools
from nofreelunch.cli.command import stage
from nofreelunch.params import Params


def initialize(params: Params, dataset: str, embedder: str) -> int:
    """Select the initial pools of every selection and seed that are not in the memo, and write all of them."""
    data = read_data(dataset, embedder)
    table = initial_pools(params, dataset, embedder, data.pool, data.class_count, Memo.default())
    storage.write_table(layout.pools(dataset, embedder), table)
    return len(table["row"])


if __name__ == "__main__":
    stage(initialize, "dataset", "embedder", unit="rows")
