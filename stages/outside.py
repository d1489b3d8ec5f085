"""Stage outside: digests of the code from outside that the grid names, to data/outside/."""

from nofreelunch.cells.outside_files import in_words, watch
from nofreelunch.cli.command import stage
from nofreelunch.params import Params


def outside(params: Params) -> int:
    """Note which code from outside pools and strategies are, for DVC to rerun them when it changes."""
    print("\n".join(in_words(params) or ["no code from outside"]))
    return watch(params)


if __name__ == "__main__":
    stage(outside, unit="files")
