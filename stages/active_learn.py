"""Stage active_learn: every AL run of one cell, and a look at its embedding, to data/runs/<dataset>/<embedder>.*."""

from nofreelunch.base import layout, storage
from nofreelunch.base.stage_log import Work
from nofreelunch.base.storage import Memo
from nofreelunch.cells.cell_files import read_data
from nofreelunch.cells.experiment import active_learn as run_all
from nofreelunch.cells.portrait import portrait
from nofreelunch.cli.command import stage
from nofreelunch.params import Params
from nofreelunch.tasks.labels import read_labels


def active_learn(params: Params, dataset: str, embedder: str) -> Work:
    """Simulate the AL runs that are not in the memo, and write all of them."""
    data, memo = read_data(dataset, embedder), Memo.default()
    results = run_all(params, dataset, embedder, data, memo)
    storage.write_table(layout.runs(dataset, embedder), results.runs)
    storage.write_table(layout.acquired(dataset, embedder), results.acquired)
    storage.write_table(layout.seconds(dataset, embedder), results.seconds)
    storage.write_npy(layout.correct(dataset, embedder), results.correct)
    account = read_labels(dataset, embedder).account
    storage.write_json(layout.probe(dataset, embedder), results.probe | {"account": account})
    look = portrait(data.pool, data.pool_labels, memo)
    storage.write_json(layout.diagnostics(dataset, embedder), look.diagnostics)
    storage.write_table(layout.plane(dataset, embedder), look.plane)
    print(f"{dataset} × {embedder}: {results.computed} of {results.total} runs computed")
    if results.stopped_early:
        print(f"note: the pool of {dataset} was used up before the budget; its curves end there")
    filled = ", ".join(f"{100 * share:.1f} % of {name}" for name, share in results.filled().items())
    if filled:
        print(f"note: drawn at random, for want of rows that the strategy would choose: {filled}")
    if results.unconverged:
        where = layout.seconds(dataset, embedder)
        print(f"note: {results.unconverged} fits of the head stopped without converging; {where} says which")
    return Work(results.total, {"unconverged_fits": results.unconverged})


if __name__ == "__main__":
    stage(active_learn, "dataset", "embedder", unit="runs")
