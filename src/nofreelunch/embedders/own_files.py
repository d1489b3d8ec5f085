"""Files of one's own that vectors come from, and how DVC comes to watch them: links it follows, and their digests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nofreelunch.base import layout, links, storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import file_digest
from nofreelunch.embedders.model_files import CONFIGURATION, weight_files
from nofreelunch.embedders.spec import EmbedderSpec, Npy, Transformer
from nofreelunch.tasks.table import SPLITS


@dataclass(frozen=True)
class Own:
    """The files of a cell's own.

    Attributes:
        named: as the embedder's entry names them for the task.
        files: what is read; empty where a model's folder is not there, or is a hub id.
    """

    named: list[str]
    files: list[Path]


def vector_files(spec: Npy, dataset: str) -> dict[Path, Path]:
    """The .npy files for a task, each with its table of texts: one, or one for each split."""
    return {Path(_named(spec.vectors, dataset, split)): Path(_named(spec.texts, dataset, split)) for split in SPLITS}


def _named(template: str, dataset: str, split: str) -> str:
    return template.replace("{dataset}", dataset).replace("{split}", split)


def own(spec: EmbedderSpec, dataset: str) -> Own:
    """What a cell reads that is the user's own: vectors and their texts, or the model in a local folder.

    Raises:
        UserError: a model's folder has no whole weights.
    """
    if isinstance(spec, Npy):
        vectors = vector_files(spec, dataset)
        files = [*vectors, *vectors.values()]
        return Own([path.as_posix() for path in files], files)
    if isinstance(spec, Transformer):
        folder = Path(spec.hub).expanduser()
        return Own([spec.hub], _model(folder) if folder.is_dir() else [])
    return Own([], [])


def _model(folder: Path) -> list[Path]:
    """The files of a model that a result depends on."""
    others = (path for path in sorted(folder.rglob("*")) if path.suffix in {*CONFIGURATION, ".safetensors"})
    return list(dict.fromkeys([*weight_files(folder), *(path for path in others if path.is_file())]))


def watch(embedders: Mapping[str, EmbedderSpec], datasets: Iterable[str]) -> int:
    """Write the digests of every cell's own files, and links to the files; how many of these there are.

    A digest outlives its files, so that a clone on another machine takes what was embedded there as it is.

    Args:
        embedders: the grid's entries by name.
        datasets: the grid's tasks.

    Raises:
        UserError: a file cannot be read, and no digest of it is known.
    """
    cells = {(dataset, name): own(spec, dataset) for dataset in datasets for name, spec in embedders.items()}
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
        _link(own(spec, dataset) for dataset in datasets for spec in embedders.values())


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


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of vectors, their texts, or a part of a model.

    Raises:
        UserError: it is absent.
    """
    try:
        return file_digest(path)
    except OSError as error:
        raise absent(error) from error


def absent(error: OSError) -> UserError:
    """What to raise where a file cannot be opened."""
    return UserError(
        f"{error.filename} cannot be read: {error.strerror}. Correct 'vectors' or 'texts' of this embedder; paths are "
        "relative to the folder that holds params.yaml."
    )
