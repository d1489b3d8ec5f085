"""Stage active_learn: every AL run of one cell, and a look at its embedding, to data/runs/<dataset>/<embedder>.*."""

from threadpoolctl import threadpool_limits

from nofreelunch import layout, storage
from nofreelunch.cell_files import read_data
from nofreelunch.command import stage
from nofreelunch.evaluation.diagnostics import of_cell
from nofreelunch.evaluation.plane import plane
from nofreelunch.experiment import active_learn as run_all
from nofreelunch.params import Params
from nofreelunch.storage import Memo


def active_learn(params: Params, dataset: str, embedder: str) -> None:
    """Simulate the AL runs that are not in the memo, and write all of them."""
    results = run_all(params, dataset, embedder, Memo.default())
    storage.write_table(layout.runs(dataset, embedder), results.runs)
    storage.write_table(layout.acquired(dataset, embedder), results.acquired)
    storage.write_table(layout.seconds(dataset, embedder), results.seconds)
    storage.write_json(layout.probe(dataset, embedder), results.probe)
    data = read_data(dataset, embedder)
    with threadpool_limits(1):
        storage.write_json(layout.diagnostics(dataset, embedder), of_cell(data.pool, data.pool_labels))
        storage.write_table(layout.plane(dataset, embedder), plane(data.pool))
    print(f"{dataset} × {embedder}: {results.computed} of {results.total} runs computed")
    if results.stopped_early:
        print(f"note: the pool of {dataset} was used up before the budget; its curves end there")


if __name__ == "__main__":
    stage(active_learn, "dataset", "embedder")
