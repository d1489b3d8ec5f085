"""Tables of your own: the columns of CSV, TSV, JSON lines, parquet and .xlsx files."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nofreelunch.base.errors import UserError, unknown
from nofreelunch.tasks.delimited import place_of, read_delimited
from nofreelunch.tasks.encodings import encoding_of, undecodable
from nofreelunch.tasks.spreadsheet import OLD, WAY_OUT, read_sheet

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Reading:
    """How to read a file, where its name and its first bytes do not say so.

    Attributes:
        encoding: of a text file; None is UTF-8 unless a byte order mark says otherwise.
        delimiter: what parts the cells of a CSV or TSV; None finds it by the header.
        sheet: of a workbook; None takes the only one.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


AS_IT_IS = Reading()


@dataclass(frozen=True)
class Table:
    """Columns of a file.

    Attributes:
        columns: n values for each name. Those of CSV, TSV and workbooks are strings, empty ones for empty cells; a key
            that a JSON line lacks is None.
        lines: where in the file row i begins: a line, or a row of the sheet, from 1; None in parquet, which has none.
    """

    columns: Columns
    lines: list[int] | None


def read_columns(path: Path, wanted: Sequence[str], reading: Reading = AS_IT_IS) -> Columns:
    """The ``wanted`` columns of a table; see `read_table`."""
    return read_table(path, wanted, reading).columns


def read_table(path: Path, wanted: Sequence[str], reading: Reading = AS_IT_IS) -> Table:
    """Read the ``wanted`` columns of a table, of the kind that the ending of its name says.

    Raises:
        UserError: the file is absent, of an unknown kind, damaged, in another encoding, or lacks a column.
    """
    kind = path.suffix.lower()
    reader = READERS.get(kind)
    if reader is None:
        old = f" Open it and {WAY_OUT} or .xlsx." if kind in OLD else ""
        raise UserError(f"{path}: {unknown('kind of file', path.suffix, READERS)}{old}")
    try:
        return reader(path, list(dict.fromkeys(wanted)), reading)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist. Paths are relative to the folder that holds params.yaml.") from error
    except UnicodeError as error:
        raise undecodable(path, encoding_of(path, reading.encoding), error) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise UserError(f"{str(path)!r} cannot be read: {error}. Correct the name of the file.") from error


def legal_encoding(name: str) -> str:
    """``name`` itself if Python can read text in it.

    Raises:
        ValueError: it cannot.
    """
    try:
        "a".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError(f"unknown encoding '{name}'. Examples: utf-8, utf-16, cp1252, latin-1, mac_roman") from error
    return name


def legal_delimiter(text: str) -> str:
    """The character that ``text`` means, a tab also by its name or as ``\\t``.

    Raises:
        ValueError: it is no single character, or one that CSV has another use for.
    """
    found = "\t" if text in ("tab", r"\t") else text
    if len(found) != 1 or found in '"\r\n':
        raise ValueError(f"the delimiter must be one character such as ';' or 'tab', not {text!r}")
    return found


def _read_csv(path: Path, wanted: list[str], reading: Reading) -> Table:
    encoding = encoding_of(path, reading.encoding)
    return Table(*read_delimited(path, wanted, encoding, reading.delimiter, ","))


def _read_tsv(path: Path, wanted: list[str], reading: Reading) -> Table:
    encoding = encoding_of(path, reading.encoding)
    return Table(*read_delimited(path, wanted, encoding, reading.delimiter, "\t"))


def _read_xlsx(path: Path, wanted: list[str], reading: Reading) -> Table:
    return Table(*read_sheet(path, wanted, reading.sheet))


def _read_jsonl(path: Path, wanted: list[str], reading: Reading) -> Table:
    rows, lines, known = [], [], dict[str, None]()
    with path.open(encoding=encoding_of(path, reading.encoding)) as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}, line {number}: no JSON ({error}). Write one object per line.") from error
            if not isinstance(row, dict):
                raise UserError(f'{path}, line {number}: not an object like {{"text": …, "label": …}}.')
            rows.append([row.get(name) for name in wanted])
            lines.append(number)
            known |= dict.fromkeys(row)
    for name in wanted if rows else ():
        if name not in known:
            raise UserError(f"{path}: no line has the wanted key: {unknown('key', name, known)}")
    return Table({name: [row[i] for row in rows] for i, name in enumerate(wanted)}, lines)


def _read_parquet(path: Path, wanted: list[str], reading: Reading) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for name in wanted:
                place_of(path, file.schema_arrow.names, name)
            return Table(file.read(wanted).to_pydict(), None)
    except pa.ArrowException as error:
        raise unreadable_parquet(path, error) from error


def unreadable_parquet(path: Path, error: Exception) -> UserError:
    """What to raise for a parquet file of the user's that is none."""
    return UserError(f"{path} is no readable parquet file ({error}). Write it again.")


READERS: dict[str, Callable[[Path, list[str], Reading], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".txt": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
    ".xlsx": _read_xlsx,
}
