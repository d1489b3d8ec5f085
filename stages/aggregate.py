"""Stage aggregate: all runs to metrics/ and data/summary/."""

from nofreelunch.cli.command import stage
from nofreelunch.evaluation.clones import load_clones
from nofreelunch.evaluation.finite import load_finite
from nofreelunch.evaluation.picks import load_picks
from nofreelunch.evaluation.runs import load, load_diagnostics, load_probes
from nofreelunch.evaluation.summary import summarise, write
from nofreelunch.params import Params


def aggregate(params: Params) -> int:
    """Summarise every run of the grid."""
    grid = params.grid
    focus = params.focus.embedder
    runs = load(grid), load_probes(grid), load_diagnostics(grid), load_picks(grid, focus)
    write(summarise(*runs, load_clones(grid), focus, params.known(), load_finite(grid)))
    return len(runs[0])


if __name__ == "__main__":
    stage(aggregate, unit="rows")
