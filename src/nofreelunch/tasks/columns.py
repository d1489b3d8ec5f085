"""Tables of your own: the columns of CSV, TSV, JSON lines and parquet files."""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nofreelunch.base.errors import UserError, unknown

Columns = dict[str, list[Any]]


def read_columns(path: Path, wanted: Sequence[str]) -> Columns:
    """Read the ``wanted`` columns of a table; text files are UTF-8, with or without a byte order mark.

    Values of CSV and TSV are strings; an empty cell is an empty string.

    Raises:
        UserError: the file is absent, of an unknown kind, damaged, or lacks a column.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: {unknown('kind of file', path.suffix, READERS)}")
    try:
        return reader(path, list(dict.fromkeys(wanted)))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist. Paths are relative to the folder that holds params.yaml.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}: {error.reason}). Save it as UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise UserError(f"{str(path)!r} cannot be read: {error}. Correct the name of the file.") from error


def _read_csv(path: Path, wanted: list[str], delimiter: str = ",") -> Columns:
    # The default limit of 131,072 characters would refuse long texts.
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        lines = csv.reader(handle, delimiter=delimiter, strict=True)
        try:
            header = next(lines, None)
            if header is None:
                raise UserError(f"{path} is empty. It needs a header line with the names of the columns.")
            places = [_place(path, header, name) for name in wanted]
            values: list[list[Any]] = [[] for _ in wanted]
            for cells in lines:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise UserError(
                        f"{path}, line {lines.line_num}: {len(cells)} cells, but the header has {len(header)} columns. "
                        "Put texts that hold the separator or a line break in double quotes."
                    )
                for column, place in zip(values, places, strict=True):
                    column.append(cells[place])
        except csv.Error as error:
            raise UserError(f"{path}, line {lines.line_num}: {error}. Check the quotes around the texts.") from error
    return dict(zip(wanted, values, strict=True))


def _read_tsv(path: Path, wanted: list[str]) -> Columns:
    return _read_csv(path, wanted, "\t")


def _place(path: Path, header: Sequence[str], name: str) -> int:
    if header.count(name) > 1:
        raise UserError(f"{path} has {header.count(name)} columns named '{name}'. Rename all but one.")
    if name not in header:
        raise UserError(f"{path}: {unknown('column', name, header)}")
    return list(header).index(name)


def _read_jsonl(path: Path, wanted: list[str]) -> Columns:
    columns: Columns = {name: [] for name in wanted}
    with path.open(encoding="utf-8-sig") as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}, line {number}: no JSON ({error}). Write one object per line.") from error
            if not isinstance(row, dict):
                raise UserError(f'{path}, line {number}: not an object like {{"text": …, "label": …}}.')
            for name in wanted:
                if name not in row:
                    raise UserError(f"{path}, line {number}: {unknown('key', name, row)}")
                columns[name].append(row[name])
    return columns


def _read_parquet(path: Path, wanted: list[str]) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for name in wanted:
                _place(path, file.schema_arrow.names, name)
            return file.read(wanted).to_pydict()  # type: ignore[no-any-return]
    except pa.ArrowException as error:
        raise UserError(f"{path} is no readable parquet file ({error}). Write it again.") from error


READERS: dict[str, Callable[[Path, list[str]], Columns]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
