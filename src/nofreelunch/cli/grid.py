"""Write a grid that has a name into params.yaml; everything else in it, comments too, stays as it is."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from nofreelunch import params
from nofreelunch.base import storage
from nofreelunch.base.errors import UserError
from nofreelunch.cli.check import describe
from nofreelunch.cli.named_grids import GRIDS, TEN_TASKS, NamedGrid
from nofreelunch.cli.yaml_edit import Scalar, Value, put, set_values

PARAMS = Path("params.yaml")
AXES = ("datasets", "embedders", "pools", "strategies")
LEFT = ("annotator", "the entries of datasets but for budgets and caps, of embedders, pools and strategies")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The grid's name."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(f"{name:12} {grid.about}" for name, grid in GRIDS.items())
    parser.add_argument("name", choices=sorted(GRIDS), help="which grid")


def run(arguments: argparse.Namespace) -> None:
    """Rewrite the sections grid, focus and the budget in use, and say what changed and what did not."""
    try:
        text = PARAMS.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{PARAMS} is missing. Run from the folder that holds dvc.yaml.") from error
    new, messages = with_grid(text, arguments.name)
    for message in messages:
        print(message)
    if new == text:
        print(f"params.yaml already holds the grid '{arguments.name}'")
        return
    with storage.atomic(PARAMS) as temporary:
        temporary.write_text(new, encoding="utf-8")
    print(f"now {describe(params.load(PARAMS))}")
    print(f"left as they stand: {', '.join(LEFT if GRIDS[arguments.name].head else ('head', *LEFT))}")
    print("'python -m nofreelunch plan' estimates its cost; 'dvc repro' computes what is missing")


def with_grid(text: str, name: str) -> tuple[str, list[str]]:
    """``text`` of params.yaml with the named grid, and what changed in words.

    Raises:
        UserError: it is no valid params.yaml, or lacks every entry of one of the grid's lists.
    """
    named = GRIDS[name]
    try:
        old: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"params.yaml is no valid YAML: {error}") from error
    wanted, messages = _available(named, old)
    new = set_values(text, {path: value for path, value in wanted.items() if _at(old, path) != value})
    settings = _settings(named, old)
    for path, value in settings.items():
        if _at(old, path) != value:
            new = put(new, path, value)
    params.checked(yaml.safe_load(new), PARAMS)
    return new, [*messages, *_differences(old, wanted | settings)]


def _available(named: NamedGrid, old: Any) -> tuple[dict[tuple[str, ...], Value], list[str]]:
    """The values to set, and a message for the names that params.yaml has no entry for."""
    wanted: dict[tuple[str, ...], Value] = {}
    messages = []
    for axis in AXES:
        section = old.get(axis) if isinstance(old, dict) else None
        known = section if isinstance(section, dict) else {}
        names = getattr(named, axis)
        chosen = [name for name in names if name in known]
        absent = [name for name in names if name not in known]
        if not chosen:
            raise UserError(f"'{axis}' of params.yaml has none of the entries {', '.join(names)}.")
        if absent:
            messages.append(f"left out of grid.{axis}, without an entry in params.yaml: {', '.join(absent)}")
        wanted["grid", axis] = chosen
    embedders = wanted["grid", "embedders"]
    assert isinstance(embedders, list)
    wanted["grid", "seeds"] = named.seeds
    wanted["focus", "embedder"] = named.focus if named.focus in embedders else embedders[0]
    wanted["budget", "track"] = named.track
    for key, value in named.budget:
        wanted["budget", named.track, key] = value
    return wanted, messages


def _settings(named: NamedGrid, old: Any) -> dict[tuple[str, ...], Scalar | dict[str, int] | None]:
    """The head's options and the tasks' own budgets and caps, of all tasks that a named grid knows; None takes one
    away."""
    known = dict.fromkeys(name for grid in GRIDS.values() for name in grid.datasets if name in old["datasets"])
    return {
        **{("head", key): value for key, value in named.head},
        **{("datasets", name, "budget"): named.own_budget(name) for name in known},
        **{path: cap for name in TEN_TASKS if name in known for path, cap in _caps(named, old, name)},
    }


def _caps(named: NamedGrid, old: Any, name: str) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """The grid's caps of a task, or none in place of another grid's; a user's own stay."""
    for number, split in enumerate(("train", "test")):
        others = {grid.caps[number] for grid in GRIDS.values() if grid.caps}
        path = ("datasets", name, split)
        if named.caps:
            yield path, named.caps[number]
        elif _at(old, path) in others:
            yield path, None


def _at(content: Any, path: tuple[str, ...]) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _differences(old: Any, wanted: Mapping[tuple[str, ...], Any]) -> list[str]:
    lines = []
    for path, new in wanted.items():
        before = _at(old, path)
        if before == new:
            continue
        if isinstance(new, list):
            change = [*(f"+{x}" for x in new if x not in before), *(f"−{x}" for x in before if x not in new)]
            lines.append(f"{'.'.join(path)}: {' '.join(change) or 'new order'}")
        else:
            lines.append(f"{'.'.join(path)}: {before} → {new}")
    return lines
