"""Stage aggregate: all runs to metrics/ and data/summary/."""

from nofreelunch.command import stage
from nofreelunch.evaluation.runs import load, load_diagnostics, load_probes, load_seconds
from nofreelunch.evaluation.summary import summarise, write
from nofreelunch.params import Params


def aggregate(params: Params) -> None:
    """Summarise every run of the grid."""
    grid = params.grid
    tables = load(grid), load_probes(grid), load_seconds(grid), load_diagnostics(grid)
    write(summarise(*tables, params.focus.embedder))


if __name__ == "__main__":
    stage(aggregate)
