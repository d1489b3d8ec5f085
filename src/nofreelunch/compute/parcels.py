"""How arguments that many pieces of work share reach worker processes: once, large arrays as files where possible."""

import io
import pickle
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nofreelunch.base.arrays import AnyArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo, cannot_write, read_npy

Result = TypeVar("Result")

# Bytes from which on an array travels apart from what holds it.
LARGE = 2**16
TOKEN = "token"  # noqa: S105


@dataclass(frozen=True)
class Parcel:
    """Shared arguments without their large arrays.

    Attributes:
        name: tells parcels apart.
        body: the arguments, pickled for a process of the same run; array i has left its number.
        folder: holds array i as ``i.npy``.
        arrays: how many there are.
    """

    name: str
    body: bytes
    folder: Path
    arrays: int


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.arrays: list[AnyArray] = []
        self._numbers: dict[int, int] = {}

    def persistent_id(self, obj: Any) -> int | None:
        if not isinstance(obj, np.ndarray) or obj.nbytes < LARGE or obj.dtype.hasobject:
            return None
        if id(obj) not in self._numbers:
            self._numbers[id(obj)] = len(self.arrays)
            self.arrays.append(obj)
        return self._numbers[id(obj)]


class _Unpacker(pickle.Unpickler):
    def __init__(self, body: bytes, arrays: Sequence[AnyArray]) -> None:
        super().__init__(io.BytesIO(body))
        self._arrays = arrays

    def persistent_load(self, pid: Any) -> AnyArray:
        array: AnyArray = self._arrays[pid]
        return array


class Spool:
    """A folder in the memo for the arrays that are under way.

    Args:
        folder: exists, and is nobody else's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(16)
        (folder / TOKEN).write_text(self.token)
        self._count = 0

    def pack(self, shared: tuple[Any, ...]) -> tuple[Parcel, list[AnyArray]]:
        """``shared`` in two parts: its large arrays, and all else."""
        file = io.BytesIO()
        packer = _Packer(file)
        packer.dump(shared)
        self._count += 1
        name = f"{self.token}.{self._count}"
        return Parcel(name, file.getvalue(), self.folder / str(self._count), len(packer.arrays)), packer.arrays

    def write(self, parcel: Parcel, arrays: Sequence[AnyArray]) -> None:
        """Put the arrays where ``parcel`` says.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        try:
            parcel.folder.mkdir()
            for number, array in enumerate(arrays):
                np.save(parcel.folder / f"{number}.npy", array, allow_pickle=False)
        except OSError as error:
            raise cannot_write(parcel.folder, error) from error

    def drop(self, parcel: Parcel) -> None:
        """Remove the arrays of ``parcel``; a worker that maps them keeps them until it lets go."""
        shutil.rmtree(parcel.folder, ignore_errors=True)


@contextmanager
def spool() -> Iterator[Spool]:
    """Yield a new `Spool` that is removed in the end.

    Raises:
        UserError: the memo's folder cannot be written.
    """
    with Memo.default().scratch() as folder:
        try:
            made = Spool(folder.resolve())
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield made


def sees(folder: Path, token: str) -> bool:
    """Whether this process sees the very folder of the `Spool` with ``token``."""
    try:
        return (folder / TOKEN).read_text() == token
    except OSError:
        return False


# The arguments of the last parcel; what its pieces compute for each other stays with them.
_open: tuple[str, tuple[Any, ...]] = ("", ())


def run_piece(
    function: Callable[..., Result], parcel: Parcel, sent: Sequence[AnyArray] | None, argument: Any
) -> Result:
    """In a worker: ``function(*shared, argument)``, the arguments unpacked at the first piece that needs them.

    Args:
        function: of a module.
        parcel: the shared arguments.
        sent: their large arrays; None where they are in the parcel's folder.
        argument: of the piece.
    """
    global _open
    if _open[0] != parcel.name:
        _open = ("", ())
        _open = (parcel.name, _unpack(parcel, sent))
    return function(*_open[1], argument)


def _unpack(parcel: Parcel, sent: Sequence[AnyArray] | None) -> tuple[Any, ...]:
    if sent is None and not parcel.folder.is_dir():
        raise UserError(
            f"{socket.gethostname()} does not see {parcel.folder}, which earlier workers did. Stop the workers that "
            "do not share the disk, then run the same command again; finished work is kept."
        )
    if sent is None:
        arrays = [np.asarray(read_npy(parcel.folder / f"{number}.npy")) for number in range(parcel.arrays)]
    else:
        arrays = [_aligned(array) for array in sent]
    shared: tuple[Any, ...] = _Unpacker(parcel.body, arrays).load()
    return shared


def _aligned(array: AnyArray) -> AnyArray:
    """``array`` as any array of this process lies in memory, read-only: sums over another alignment differ in bits."""
    copy = np.array(array, order="K")
    copy.flags.writeable = False
    return copy
