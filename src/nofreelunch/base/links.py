"""Links to a user's own files: DVC follows them and so sees the files change, but neither keeps nor pushes a copy."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from nofreelunch.base import storage


def link(place: Path, target: Path | None, note: str) -> None:
    """Make ``place`` a link to ``target``, or a file that holds the line ``note`` where there is none."""
    with storage.atomic(place) as temporary:
        if target is None:
            temporary.write_text(f"{note}\n", encoding="utf-8")
        else:
            temporary.symlink_to(target if target.is_absolute() else os.path.relpath(target, place.parent))


def fill(folder: Path, targets: Mapping[str, Path], note: str) -> None:
    """Let ``folder`` hold links to ``targets``, by name, and nothing else; a ``note`` where there are none, as an empty
    folder is nothing to DVC."""
    for name, target in targets.items():
        link(folder / name, target, note)
    if not targets:
        link(folder / "none", None, note)
    wanted = targets.keys() or {"none"}
    for old in folder.iterdir():
        if old.name not in wanted:
            old.unlink()


def drop_lost(places: Iterable[Path]) -> None:
    """Remove links to files that are gone, at which DVC would stop before any stage could say what is missing."""
    for place in places:
        if place.is_symlink() and not place.exists():
            place.unlink()
