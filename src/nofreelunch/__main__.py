"""``python -m nofreelunch``: commands beside the pipeline."""

import argparse
import sys

from nofreelunch import params
from nofreelunch.command import guarded


def check() -> None:
    """Check params.yaml and say what grid it describes."""
    grid = params.load().grid
    cells = len(grid.datasets) * len(grid.embedders)
    runs = len(grid.pools) * len(grid.strategies) * grid.seeds
    axes = f"{len(grid.datasets)} tasks × {len(grid.embedders)} embedders × {len(grid.pools)} pools"
    print(f"params.yaml is valid: {axes} × {len(grid.strategies)} strategies × {grid.seeds} seeds = {cells * runs} runs")


COMMANDS = {"check": check}


def main() -> None:
    """Parse the command line and run one command."""
    parser = argparse.ArgumentParser(prog="python -m nofreelunch", description="A benchmark of active learning.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, work in COMMANDS.items():
        commands.add_parser(name, help=work.__doc__, description=work.__doc__)
    sys.exit(guarded(COMMANDS[parser.parse_args().command]))


if __name__ == "__main__":
    main()
