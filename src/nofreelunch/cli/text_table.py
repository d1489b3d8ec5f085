"""Tables for a terminal."""

import unicodedata
from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns with two spaces between; columns of numbers are aligned to the right.

    Args:
        header: k names.
        rows: rows of k cells.
    """
    cells = [list(header), *map(list, rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(header))]
    right = [all(_is_number(row[column]) for row in rows) for column in range(len(header))]
    lines = []
    for row in cells:
        padded = [
            " " * (width - _width(cell)) + cell if to_right else cell + " " * (width - _width(cell))
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(character) else 1 for character in text)


def _is_number(text: str) -> bool:
    return text.strip("–~").replace(",", "").replace(".", "", 1).isdigit() or text in ("", "–")
