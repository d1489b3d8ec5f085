"""Stage aggregate: all runs to metrics/ and data/summary/."""

from nofreelunch.cli.command import stage
from nofreelunch.evaluation.collected import collect, summary_of
from nofreelunch.evaluation.summary import write
from nofreelunch.params import Params


def aggregate(params: Params) -> int:
    """Summarise every run of the grid."""
    collected = collect(params.grid, params.focus.embedder)
    write(summary_of(collected, params))
    return len(collected.runs)


if __name__ == "__main__":
    stage(aggregate, unit="rows")
