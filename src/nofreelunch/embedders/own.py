"""Files of one's own that the vectors of a cell come from."""

from dataclasses import dataclass
from pathlib import Path

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import file_digest


@dataclass(frozen=True)
class Own:
    """The files of a cell's own.

    Attributes:
        named: as the embedder's entry names them for the task.
        files: what is read; empty where a model's folder is not there, or is a hub id.
    """

    named: list[str]
    files: list[Path]


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
