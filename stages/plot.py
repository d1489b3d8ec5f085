"""Stage plot: the summary's tables to figures in plots/."""

from nofreelunch.cli.command import stage
from nofreelunch.evaluation.summary import read_tables
from nofreelunch.params import Params
from nofreelunch.report.figures import draw_all


def plot(params: Params) -> int:
    """Draw every figure of the grid."""
    return draw_all(read_tables(), params.grid.pools, params.focus.embedder, foreign=params.foreign_names)


if __name__ == "__main__":
    stage(plot, unit="figures")
