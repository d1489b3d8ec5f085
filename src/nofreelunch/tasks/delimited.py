"""CSV and TSV: which character parts the cells, what quote marks mean, and on which line each row begins."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from nofreelunch.base.errors import UserError, unknown

DELIMITERS = (",", ";", "\t", "|")
# Excel's first line, which says what parts the cells.
SEP = re.compile(r"sep=(.)\s*", re.IGNORECASE)
# A cell as a CSV writer quotes it.
QUOTED = re.compile(r'"(?:[^"]|"")*"')

Record = tuple[int, list[str]]


@dataclass(frozen=True)
class Dialect:
    """How a table is cut into cells.

    Attributes:
        delimiter: what parts them.
        skipped: how many lines precede the header.
        quote: what stands around cells that hold a delimiter or a line end; None where quote marks are text.
    """

    delimiter: str
    skipped: int
    quote: str | None


def dialect_of(path: Path, wanted: Sequence[str], encoding: str, delimiter: str | None, usual: str) -> Dialect:
    """How the table is cut; for the arguments see `read_delimited`.

    Raises:
        UnicodeError, OSError: the file cannot be read.
    """
    # The default limit of 131,072 characters would refuse long texts.
    csv.field_size_limit(sys.maxsize)
    skipped, said = _first_line(path, encoding)
    delimiter = delimiter or said or _find(path, wanted, encoding, skipped, usual)
    plain = delimiter == "\t" and _is_plain(path, encoding, skipped)
    return Dialect(delimiter, skipped, None if plain else '"')


def read_delimited(
    path: Path, wanted: Sequence[str], encoding: str, delimiter: str | None, usual: str
) -> tuple[dict[str, list[str]], list[int]]:
    """The ``wanted`` columns, and the line of the file (from 1) on which each row begins; blank lines are no rows.

    Args:
        path: the file.
        wanted: names of columns.
        encoding: of the file.
        delimiter: what parts cells; None finds it by the names in the header.
        usual: the delimiter to try first.

    Raises:
        UserError: no header has the columns, a row has more or fewer cells than it, or is the header again.
        UnicodeError, OSError: the file cannot be read.
    """
    dialect = dialect_of(path, wanted, encoding, delimiter, usual)
    delimiter = dialect.delimiter
    lines: list[int] = []
    with path.open(encoding=encoding, newline="") as handle:
        records = _records(handle, dialect, path)
        _, header = next(records, (0, None))
        if header is None:
            raise UserError(f"{path} is empty. It needs a header line with the names of the columns.")
        names = [name.strip() for name in header]
        places = [place_of(path, names if name not in header else header, name) for name in wanted]
        values: list[list[str]] = [[] for _ in wanted]
        for line, cells in records:
            if len(cells) > len(header) and not any(map(str.strip, cells[len(header) :])):
                del cells[len(header) :]
            if len(cells) != len(header):
                raise UserError(
                    f"{path}, line {line}: {len(cells)} cells, but the header has {len(header)} columns. Put texts "
                    f"that hold the separator {delimiter!r} or a line break in double quotes, or correct 'delimiter'."
                )
            if len(header) > 1 and [cell.strip() for cell in cells] == names:
                raise repeated_header(path, line)
            for column, place in zip(values, places, strict=True):
                column.append(cells[place])
            lines.append(line)
    return dict(zip(wanted, values, strict=True)), lines


def repeated_header(path: Path, line: int) -> UserError:
    """What to raise for a row that is the header once more."""
    return UserError(
        f"{path}, line {line}: the header again, as when files are put one after the other. Remove that line."
    )


def place_of(path: Path, header: Sequence[str], name: str) -> int:
    """The place of the column ``name``.

    Raises:
        UserError: there is none, or more than one.
    """
    if header.count(name) > 1:
        raise UserError(f"{path} has {header.count(name)} columns named '{name}'. Rename all but one.")
    if name not in header:
        raise UserError(f"{path}: {unknown('column', name, header)}")
    return list(header).index(name)


def _first_line(path: Path, encoding: str) -> tuple[int, str | None]:
    """How many lines precede the header, and the delimiter that they name."""
    with path.open(encoding=encoding, newline="") as handle:
        found = SEP.fullmatch(handle.readline())
    return (1, found[1]) if found else (0, None)


def _find(path: Path, wanted: Sequence[str], encoding: str, skipped: int, usual: str) -> str:
    """The first delimiter under which the header has all ``wanted`` columns, else the one that finds most columns."""
    headers = {}
    for delimiter in dict.fromkeys((usual, *DELIMITERS)):
        with path.open(encoding=encoding, newline="") as handle:
            lines = csv.reader(islice(handle, skipped, None), delimiter=delimiter)
            headers[delimiter] = [name.strip() for name in next((cells for cells in lines if cells), [])]
    fits = (delimiter for delimiter, header in headers.items() if set(map(str.strip, wanted)) <= set(header))
    return next(fits, max(headers, key=lambda delimiter: len(headers[delimiter])))


def _is_plain(path: Path, encoding: str, skipped: int) -> bool:
    """Whether quote marks are part of the texts: each line is a row, and one holds a mark that no CSV writer put."""
    width, marks = 0, False
    with path.open(encoding=encoding, newline="") as handle:
        for line in islice(handle, skipped, None):
            cells = line.rstrip("\r\n").split("\t")
            if cells != [""]:
                width = width or len(cells)
                if len(cells) != width:
                    return False
                marks = marks or any('"' in cell and not QUOTED.fullmatch(cell) for cell in cells)
    return marks


def _records(handle: TextIO, dialect: Dialect, path: Path) -> Iterator[Record]:
    """The line on which each row begins, and its cells."""
    delimiter, skipped = dialect.delimiter, dialect.skipped
    lines: Iterable[str] = islice(handle, skipped, None)
    if dialect.quote is None:
        rows = ((number, line.rstrip("\r\n")) for number, line in enumerate(lines, skipped + 1))
        yield from ((number, line.split(delimiter)) for number, line in rows if line)
        return
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    begin = skipped + 1
    try:
        for cells in reader:
            if cells:
                yield begin, cells
            begin = skipped + reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, line {skipped + reader.line_num}: {error}, in a row that begins on line {begin}. "
            "Check the quotes around the texts."
        ) from error
