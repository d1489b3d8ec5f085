"""Tables for a terminal."""

from collections.abc import Sequence

from tabulate import SEPARATING_LINE, tabulate


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns with two spaces between; columns of numbers are aligned to the right.

    Args:
        header: k names.
        rows: rows of k cells.
    """
    sides = ["right" if all(_is_number(row[column]) for row in rows) else "left" for column in range(len(header))]
    # A row that begins with that control character would be taken for a line between rows.
    cells = [[cell.replace(SEPARATING_LINE, "�") for cell in row] for row in (header, *rows)]
    table = tabulate(cells, tablefmt="plain", disable_numparse=True, colalign=sides)
    return "\n".join(line.rstrip() for line in table.splitlines())


def _is_number(text: str) -> bool:
    return text.strip("–~").replace(",", "").replace(".", "", 1).isdigit() or text in ("", "–")
