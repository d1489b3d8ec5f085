"""Check params.yaml, and that your own files are still those the tasks were made from."""

import argparse
from pathlib import Path

from nofreelunch import layout, params, storage
from nofreelunch.params import Params
from nofreelunch.tasks.columns import file_digest
from nofreelunch.tasks.spec import FilesTask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Say what grid params.yaml describes, or what is wrong with it."""
    loaded = params.load()
    print(f"params.yaml is valid: {describe(loaded)}")
    for name in changed_files(loaded):
        print(f"the file of task '{name}' has changed; run 'dvc repro --force --single-item download@{name}'")


def describe(loaded: Params) -> str:
    """The grid in one line."""
    grid = loaded.grid
    cells = len(grid.datasets) * len(grid.embedders)
    runs = len(grid.pools) * len(grid.strategies) * grid.seeds
    axes = f"{len(grid.datasets)} tasks × {len(grid.embedders)} embedders × {len(grid.pools)} pools"
    return f"{axes} × {len(grid.strategies)} strategies × {grid.seeds} seeds = {cells * runs:,} runs"


def changed_files(loaded: Params) -> list[str]:
    """Tasks of the grid whose own files differ from those they were made from: files that DVC does not watch."""
    changed = []
    for name in loaded.grid.datasets:
        spec, card = loaded.datasets[name], layout.task_card(name)
        if isinstance(spec, FilesTask) and card.is_file():
            known = storage.read_json(card).get("files", {})
            if any(Path(path).is_file() and file_digest(Path(path)) != digest for path, digest in known.items()):
                changed.append(name)
    return changed
