"""Files: atomic writes, digests, npy · parquet · JSON, and the memo of finished work. Nothing here is pickled."""

import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, FloatArray
from nofreelunch.base.environment import folder as folder_at
from nofreelunch.base.errors import UserError

Entry = dict[str, AnyArray]
"""Named arrays: what the memo keeps under one key."""

# All that numpy raises for damaged .npy files.
BROKEN_NPY = (ValueError, EOFError, OSError, SyntaxError, TokenError)

SCRATCH = "scratch"
# The key of a table's digest in its footer, and how many texts are digested at once.
SEAL, SLICE = b"sha256", 10_000


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` that takes its place on success and is removed on failure.

    A reader sees the old file or the whole new one, never a part. Temporaries that a killed process on this
    host left for the same target are removed first.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    temporary = _temporary(path, os.getpid())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> UserError:
    """What to raise where the disk is full or a folder cannot be written."""
    return UserError(
        f"cannot write {path}: {error.strerror or error}. Free some space or make the folder writable, "
        "then run the same command again; finished work is kept."
    )


def _temporary(path: Path, pid: int | str) -> Path:
    host = socket.gethostname().replace(".", "-")
    return path.parent / f".{path.name}.{host}.{pid}.tmp"


def _sweep(path: Path) -> None:
    """Remove the temporaries of ``path`` whose processes on this host are dead, as far as that can be done."""
    for left in path.parent.glob(_temporary(path, "*").name):
        if not _alive(int(left.suffixes[-2][1:])):
            with suppress(OSError):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_npy(path: Path, array: AnyArray) -> None:
    """Write ``array`` as .npy in C order, never pickled."""
    with atomic(path) as temporary, temporary.open("wb") as handle:
        np.save(handle, np.ascontiguousarray(array), allow_pickle=False)


@contextmanager
def new_npy(path: Path, shape: tuple[int, ...]) -> Iterator[FloatArray]:
    """Yield a memory map of zeros that is a new float32 .npy at ``path`` once it has been filled.

    Its space is reserved beforehand, so that a full disk is an error here and no crash while it is filled.
    """
    with atomic(path) as temporary:
        array = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
        if hasattr(os, "posix_fallocate"):
            with temporary.open("r+b") as handle:
                os.posix_fallocate(handle.fileno(), 0, temporary.stat().st_size)
        yield array
        array.flush()


def read_npy(path: Path) -> AnyArray:
    """Memory-map the .npy file at ``path``, read-only.

    Raises:
        UserError: the file is absent, truncated, or holds pickled objects.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run 'dvc repro' or 'dvc pull {path}' to get it.") from error
    except BROKEN_NPY as error:
        raise UserError(f"{path} is no plain .npy array ({error}). Delete it and run 'dvc repro'.") from error


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write equally long ``columns`` (arrays or lists) as parquet; the same columns give the same bytes.

    Every page carries a checksum, without which altered bits can read as other values, and the footer a digest of the
    content, without which altered bits in the footer can read as other types or fewer rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(dict(columns))
    sealed = table.replace_schema_metadata({SEAL: _content(_columns(table))})
    with atomic(path) as temporary:
        pq.write_table(sealed, temporary, compression="zstd", write_page_checksum=True)


def read_table(path: Path, required: tuple[str, ...] = ()) -> dict[str, AnyArray]:
    """Read the parquet file at ``path`` as numpy columns (strings as objects of ``str``).

    Raises:
        UserError: the file is absent, damaged, no parquet, or lacks a ``required`` column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
        columns = _columns(table)
        seal = (table.schema.metadata or {}).get(SEAL)
        if seal is not None and seal != _content(columns):
            raise ValueError("its content is not what was written")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run 'dvc repro' or 'dvc pull {path}' to get it.") from error
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is no readable parquet file ({error}). Delete it and run 'dvc repro'.") from error
    absent = [name for name in required if name not in columns]
    if absent:
        raise UserError(f"{path} lacks the column(s) {', '.join(absent)}; it has {', '.join(columns)}.")
    return columns


def _columns(table: Any) -> dict[str, AnyArray]:
    return {name: table[name].to_numpy() for name in table.column_names}


def _content(columns: Mapping[str, AnyArray]) -> bytes:
    """SHA-256 (hex) of names, types and values. Raises TypeError for objects that are no text."""
    parts: list[AnyArray | str] = []
    for name, values in columns.items():
        parts.append(name)
        if values.dtype.hasobject:
            slices = (values[first : first + SLICE].tolist() for first in range(0, len(values), SLICE))
            parts += [digest({"values": part}) for part in slices]
        else:
            parts.append(values)
    return digest(*parts).encode()


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN is refused since it is no JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read the JSON file at ``path``.

    Raises:
        UserError: the file is absent or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run 'dvc repro' or 'dvc pull {path}' to get it.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error}). Delete it and run 'dvc repro'.") from error


def digest(*parts: AnyArray | bytes | str | Mapping[str, Any]) -> str:
    """SHA-256 (hex) over arrays (dtype, shape and bytes), bytes, text and JSON-able mappings, in order."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            head = f"array {part.dtype.str} {part.shape}".encode()
            body: Any = np.ascontiguousarray(part).data if part.size else b""
        elif isinstance(part, bytes):
            head, body = b"bytes", part
        elif isinstance(part, str):
            head, body = b"text", part.encode("utf-8", "surrogatepass")
        else:
            head, body = b"json", json.dumps(part, sort_keys=True).encode()
        total.update(hashlib.sha256(head).digest())
        total.update(hashlib.sha256(body).digest())
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class Memo:
    """A folder of finished results, each under the key of everything that determines it. Safe to delete.

    An entry carries the digest of its own bytes: one that was truncated or altered counts as absent and is
    computed again. Processes and machines may share the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def default(cls) -> "Memo":
        """The memo at ``$NOFREELUNCH_CACHE``, or in ``.cache``, rid of what killed processes left in its `scratch`."""
        memo = cls(folder_at("NOFREELUNCH_CACHE") or Path(".cache"))
        _sweep(memo.folder / SCRATCH)
        return memo

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a new folder for temporary files of this process, which is gone afterwards.

        Raises:
            UserError: it cannot be made.
        """
        mine = _temporary(self.folder / SCRATCH, os.getpid())
        try:
            mine.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=mine))
        except OSError as error:
            raise cannot_write(mine, error) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                mine.rmdir()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def load(self, key: str) -> Entry | None:
        """The named arrays stored under ``key``, or None if there are none that are whole."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        seal, body = content[:64], content[64:]
        if hashlib.sha256(body).hexdigest().encode() != seal:
            return None
        return _unpack(body)

    def load_all(self, keys: Iterable[str]) -> dict[str, Entry]:
        """The entries of those ``keys`` that have a whole one."""
        entries = {key: self.load(key) for key in keys}
        return {key: entry for key, entry in entries.items() if entry is not None}

    def once(self, key: str, compute: Callable[[], Mapping[str, AnyArray]]) -> Entry:
        """The named arrays stored under ``key``; where there are none, those that ``compute`` gives, now stored."""
        found = self.load(key)
        if found is None:
            found = dict(compute())
            self.save(key, found)
        return found

    def save(self, key: str, arrays: Mapping[str, AnyArray]) -> None:
        """Store named arrays under ``key``."""
        body = _pack(arrays)
        with atomic(self._path(key)) as temporary:
            temporary.write_bytes(hashlib.sha256(body).hexdigest().encode() + body)

    def save_all(self, entries: Mapping[str, Entry]) -> None:
        """Store each of ``entries`` under its key."""
        for key, entry in entries.items():
            self.save(key, entry)


def _pack(arrays: Mapping[str, AnyArray]) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _unpack(body: bytes) -> Entry:
    from safetensors.numpy import load

    return load(body)
