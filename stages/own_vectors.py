"""Stage own_vectors: digests of your own vectors and weights that the grid's embedders read, to data/own_vectors/."""

from nofreelunch.cli.command import stage
from nofreelunch.embedders.own_files import watch
from nofreelunch.params import Params


def own_vectors(params: Params) -> int:
    """Note which files of your own the grid's embedders read, for DVC to rerun their cells when one changes."""
    return watch(params.grid_embedders, params.grid.datasets)


if __name__ == "__main__":
    stage(own_vectors, unit="files")
