"""Addresses within the report."""

from urllib.parse import quote, urlencode


def link(table: str, **rows: str) -> str:
    """The address of a table within the report, showing only rows with these values; several are joined by '|'."""
    return f"#table/{table}" + (f"?{urlencode(rows, quote_via=quote)}" if rows else "")
