"""Check params.yaml, and that your own files are still those that tasks and embeddings were made from."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from nofreelunch import layout, params, storage
from nofreelunch.embedders.model_files import weights_digest
from nofreelunch.embedders.spec import Npy, Transformer
from nofreelunch.params import Params
from nofreelunch.storage import file_digest
from nofreelunch.tasks.spec import FilesTask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Say what grid params.yaml describes, or what is wrong with it."""
    loaded = params.load()
    print(f"params.yaml is valid: {describe(loaded)}")
    for stage in changed_files(loaded):
        print(f"a file that {stage} was made from has changed; run 'dvc repro --force --single-item {stage}'")


def describe(loaded: Params) -> str:
    """The grid in one line."""
    grid = loaded.grid
    cells = len(grid.datasets) * len(grid.embedders)
    runs = len(grid.pools) * len(grid.strategies) * grid.seeds
    axes = f"{len(grid.datasets)} tasks × {len(grid.embedders)} embedders × {len(grid.pools)} pools"
    return f"{axes} × {len(grid.strategies)} strategies × {grid.seeds} seeds = {cells * runs:,} runs"


def changed_files(loaded: Params) -> list[str]:
    """Stages of the grid that read files of your own, which DVC does not watch, and did so before these changed."""
    return [*_changed_tasks(loaded), *_changed_embeddings(loaded)]


def _changed_tasks(loaded: Params) -> Iterator[str]:
    for dataset in loaded.grid.datasets:
        card = layout.task_card(dataset)
        known = storage.read_json(card) if card.is_file() else {}
        if isinstance(loaded.datasets[dataset], FilesTask) and _differ(known.get("files") or {}):
            yield f"download@{dataset}"


def _changed_embeddings(loaded: Params) -> Iterator[str]:
    for embedder in loaded.grid.embedders:
        spec = loaded.embedders[embedder]
        folder = Path(spec.hub).expanduser() if isinstance(spec, Transformer) else None
        weights = weights_digest(folder) if folder is not None and folder.is_dir() else None
        for dataset in loaded.grid.datasets:
            card = layout.embedding_card(dataset, embedder)
            known = storage.read_json(card) if card.is_file() else {}
            if (isinstance(spec, Npy) and _differ(known.get("sha256") or {})) or (
                weights is not None and known.get("source") == "local folder" and known["sha256"] != weights
            ):
                yield f"embed@{dataset}-{embedder}"


def _differ(known: dict[str, str]) -> bool:
    return any(Path(path).is_file() and file_digest(Path(path)) != digest for path, digest in known.items())
