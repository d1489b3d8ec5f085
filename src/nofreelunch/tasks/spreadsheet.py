"""Sheets of .xlsx workbooks, read as a CSV export would give them."""

from collections.abc import Sequence
from datetime import date, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from nofreelunch.base.errors import UserError, unknown
from nofreelunch.tasks.delimited import place_of, repeated_header

OLD = (".xls", ".ods", ".numbers")
WAY_OUT = "save the sheet as 'CSV UTF-8'"


def read_sheet(path: Path, wanted: Sequence[str], sheet: str | None) -> tuple[dict[str, list[str]], list[int]]:
    """The ``wanted`` columns as text, and the row of the sheet (from 1) of each; formulas give their last values.

    Args:
        path: the workbook.
        wanted: names of columns, which stand in the first row that is not empty.
        sheet: which one; None takes the only one that holds anything.

    Raises:
        UserError: openpyxl is not installed, or the workbook is damaged or lacks the sheet or a column.
        OSError: the file cannot be read.
    """
    path.stat()
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UserError(
            f"{path}: workbooks need openpyxl: 'pip install -r requirements-excel.txt', or {WAY_OUT}."
        ) from error
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheets = {found.title: _filled(found) for found in book.worksheets}
        book.close()
    except (BadZipFile, KeyError, ValueError, EOFError, SyntaxError) as error:
        raise UserError(f"{path} is no readable workbook ({error}). Write it again, or {WAY_OUT}.") from error
    if sheet is not None and sheet not in sheets:
        raise UserError(f"{path}: {unknown('sheet', sheet, sheets)}")
    chosen = [sheet] if sheet is not None else [name for name, rows in sheets.items() if rows]
    if len(chosen) > 1:
        raise UserError(f"{path} has the sheets {', '.join(chosen)}. Name one: 'sheet: {chosen[0]}'.")
    rows = sheets[chosen[0]] if chosen else []
    if not rows:
        raise UserError(f"{path} is empty. It needs a row with the names of the columns.")
    (_, header), *rows = rows
    names = [cell.strip() for cell in header]
    places = [place_of(path, names, name.strip()) for name in wanted]
    again = next((number for number, cells in rows if len(names) > 1 and cells == header), None)
    if again is not None:
        raise repeated_header(path, again)
    columns = {
        name: [cells[place] if place < len(cells) else "" for _, cells in rows]
        for name, place in zip(wanted, places, strict=True)
    }
    return columns, [number for number, _ in rows]


def _filled(sheet: Any) -> list[tuple[int, list[str]]]:
    """Number and cells of the rows that hold anything."""
    rows = ((number, [_text(cell) for cell in cells]) for number, cells in enumerate(sheet.values, 1))
    return [(number, cells) for number, cells in rows if any(cells)]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)
