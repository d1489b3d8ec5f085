"""How DVC comes to watch files of one's own that vectors come from: links it follows, and their digests."""

import errno
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from nofreelunch.base import layout, links, storage
from nofreelunch.embedders.own import Own, absent, digest_of
from nofreelunch.embedders.spec import EmbedderSpec


def watch(embedders: Mapping[str, EmbedderSpec], datasets: Iterable[str]) -> int:
    """Write the digests of every cell's own files, and links to the files; how many of these there are.

    A digest outlives its files, so that a clone on another machine takes what was embedded there as it is.

    Args:
        embedders: the grid's entries by name.
        datasets: the grid's tasks.

    Raises:
        UserError: a file cannot be read, and no digest of it is known.
    """
    cells = {(dataset, name): spec.own(dataset) for dataset in datasets for name, spec in embedders.items()}
    taken = dict[Path, str]()
    for (dataset, name), cell in cells.items():
        place = layout.own_vectors_of(dataset, name)
        storage.write_json(place, _said(cell, storage.read_json(place) if place.is_file() else {}, taken))
    wanted = {layout.own_vectors_of(*cell) for cell in cells}
    for old in layout.own_vectors().rglob("*.json"):
        if old not in wanted:
            old.unlink()
    return _link(cells.values())


def watch_again(embedders: Mapping[str, EmbedderSpec], datasets: Iterable[str]) -> None:
    """Where there are links, take away those to files that are gone, at which DVC would stop, and make those to files
    that are there now."""
    if layout.own_vectors_links().is_dir():
        _link(spec.own(dataset) for dataset in datasets for spec in embedders.values())


def lost(embedders: Mapping[str, EmbedderSpec], datasets: Iterable[str]) -> list[str]:
    """Files of the cells that are gone, and whose digests outlive them.

    Raises:
        UserError: a file is gone, and no digest of it is known.
    """
    gone = dict[str, None]()
    for dataset in datasets:
        for name, spec in embedders.items():
            cell, place = spec.own(dataset), layout.own_vectors_of(dataset, name)
            known = storage.read_json(place) if place.is_file() else {}
            held = known["sha256"] if known.get("named") == cell.named else {}
            for path in [path.as_posix() for path in cell.files] or held:
                if Path(path).is_file():
                    continue
                if path not in held:
                    raise absent(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path))
                gone[path] = None
    return list(gone)


def _link(cells: Iterable[Own]) -> int:
    files = sorted({path for cell in cells for path in cell.files if path.is_file()})
    links.fill(layout.own_vectors_links(), {str(i): path for i, path in enumerate(files)}, "no files of your own")
    return len(files)


def _said(cell: Own, known: dict[str, object], taken: dict[Path, str]) -> dict[str, object]:
    """What is written of a cell; ``known`` if its files are not there; ``taken`` are digests of files met before."""
    lost = not cell.files or not all(path.is_file() for path in cell.files)
    if lost and known.get("named") == cell.named:
        return known
    for path in cell.files:
        if path not in taken:
            taken[path] = digest_of(path)
    return {"named": cell.named, "sha256": {path.as_posix(): taken[path] for path in cell.files}}
