"""``python -m nofreelunch``: commands beside the pipeline."""

import argparse
import sys

from nofreelunch.cli import check, cost, farm, grid, label, new, picks, plan, recommend, render, show, trial, verify
from nofreelunch.cli.command import guarded

COMMANDS = {
    "check": check,
    "list": show,
    "grid": grid,
    "new": new,
    "plan": plan,
    "farm": farm,
    "recommend": recommend,
    "label": label,
    "cost": cost,
    "verify": verify,
    "picks": picks,
    "render": render,
    "try": trial,
}


def main() -> None:
    """Parse the command line and run one command."""
    parser = argparse.ArgumentParser(prog="python -m nofreelunch", description="A benchmark of active learning.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.__doc__, description=module.__doc__)
        module.add_arguments(command)
    arguments = parser.parse_args()
    sys.exit(guarded(lambda: COMMANDS[arguments.command].run(arguments)))


if __name__ == "__main__":
    main()
