"""Compute the grid at full width, on all cores or a cluster, into the memo; 'dvc repro' then only assembles."""

import argparse

from nofreelunch import params
from nofreelunch.base.storage import Memo
from nofreelunch.cells.farm import Farm
from nofreelunch.cli.command import must_be_in_grid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which part of the grid."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Needs the tasks: run 'dvc repro download' first. Killed, it goes on where it was.\n"
        "NOFREELUNCH_SCHEDULER=tcp://host:8786 (or a scheduler file) lets the workers of a Dask cluster do the work,\n"
        "NOFREELUNCH_JOBS is the number of processes here: all cores, or one where NOFREELUNCH_DEVICE names a GPU.\n"
        "NOFREELUNCH_CACHE says where the memo is; 'dvc repro' must be given the same. See docs/cluster.md."
    )
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="only these of the grid's data sets")
    parser.add_argument("--embedders", nargs="+", metavar="NAME", help="only these of the grid's embedders")
    parser.add_argument("--only", choices=("embed", "runs"), help="only embeddings, or only initial pools and AL runs")


def run(arguments: argparse.Namespace) -> None:
    """Fill the memo, and say with how much."""
    loaded = params.load()
    datasets = _chosen(loaded.grid, "dataset", arguments.datasets)
    embedders = _chosen(loaded.grid, "embedder", arguments.embedders)
    farm = Farm(loaded, datasets, embedders, Memo.default())
    farm.check()
    cells = len(datasets) * len(embedders)
    if arguments.only != "runs":
        farm.embed()
    if arguments.only == "embed":
        print(f"{cells} cells: embedded")
        return
    computed = farm.run()
    total = cells * loaded.grid.runs_per_cell
    print(f"{cells} cells: {computed:,} of {total:,} runs computed; 'dvc repro' now only assembles")


def _chosen(grid: params.Grid, factor: str, names: list[str] | None) -> list[str]:
    """``names`` in the grid's order; all where there are none."""
    for name in names or ():
        must_be_in_grid(grid, factor, name)
    return [name for name in getattr(grid, f"{factor}s") if names is None or name in names]
