"""Where each field of a table stands in its text, so that one field can be replaced and no other character changes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nofreelunch.base.errors import UserError

SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Span:
    """The characters ``start`` to ``end`` (excluded) of a text that hold one field, quotes included."""

    start: int
    end: int


def replaced(text: str, new: Mapping[Span, str]) -> str:
    """``text`` with other characters in some spans; they do not overlap."""
    parts, last = [], 0
    for span in sorted(new, key=lambda span: span.start):
        parts += [text[last : span.start], new[span]]
        last = span.end
    return "".join([*parts, text[last:]])


def csv_records(text: str, delimiter: str, quote: str | None = '"') -> list[list[Span]]:
    """The fields of every record of a delimited text, as RFC 4180 and `csv.reader` cut them; blank lines have none.

    Args:
        text: the whole table; lines end with CR LF, LF or CR.
        delimiter: one character.
        quote: the character around fields that hold delimiters, quotes (doubled) or line ends; None for none.

    Raises:
        UserError: a quoted field does not end.
    """
    special = re.compile("[" + re.escape(delimiter) + "\r\n]")
    records: list[list[Span]] = []
    record: list[Span] = []
    at, end = 0, len(text)
    while at <= end:
        if quote is not None and text.startswith(quote, at):
            stop = _closing(text, at, quote)
            found = special.search(text, stop)
        else:
            found = special.search(text, at)
        stop = found.start() if found else end
        if stop == end and not record and at == end:
            break
        record.append(Span(at, stop))
        if found and found.group() == delimiter:
            at = stop + 1
            continue
        blank = len(record) == 1 and record[0].start == record[0].end
        records.append([] if blank else record)
        record = []
        at = stop + (2 if text.startswith("\r\n", stop) else 1)
    return records


def _closing(text: str, start: int, quote: str) -> int:
    """The place behind the quote that closes the field that begins at ``start``."""
    at = start + 1
    while True:
        at = text.find(quote, at)
        if at < 0:
            line = text.count("\n", 0, start) + 1
            raise UserError(f"the quote that opens in line {line} is never closed. Mend it in the file.")
        if not text.startswith(quote, at + 1):
            return at + 1
        at += 2


def csv_value(text: str, span: Span, quote: str | None = '"') -> str:
    """What the field at ``span`` says."""
    field = text[span.start : span.end]
    if quote is None or not field.startswith(quote):
        return field
    closing = _closing(field, 0, quote)
    return field[1 : closing - 1].replace(2 * quote, quote) + field[closing:]


def csv_field(value: str, delimiter: str, quote: str | None = '"', *, quoted: bool = False) -> str:
    """``value`` as a field of a delimited text, in quotes where it needs them or where it is to be ``quoted``.

    Raises:
        UserError: the table knows no quotes, and the value needs them.
    """
    needs = any(mark in value for mark in (delimiter, "\r", "\n")) or (quote is not None and quote in value)
    if not (needs or quoted):
        return value
    if quote is None:
        raise UserError(f"{value!r} holds a separator or a line end, and the table knows no quotes. Shorten it.")
    return quote + value.replace(quote, 2 * quote) + quote


def json_member(text: str, start: int, key: str) -> tuple[Span | None, int]:
    """Where the value of ``key`` stands in the JSON object that begins at ``start``.

    Returns:
        Its span (of the last such key, as JSON readers take it), None where there is none; and the place of the
        closing brace.

    Raises:
        ValueError: there is no JSON object at ``start``.
    """
    decoder = json.JSONDecoder()
    at = _skip(text, start)
    if not text.startswith("{", at):
        raise ValueError("no JSON object")
    found, at = None, _skip(text, at + 1)
    while not text.startswith("}", at):
        name, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(name, str) or not text.startswith(":", at):
            raise ValueError("a member of a JSON object is a name, a colon and a value")
        first = _skip(text, at + 1)
        _, at = decoder.raw_decode(text, first)
        if name == key:
            found = Span(first, at)
        at = _skip(text, at)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif not text.startswith("}", at):
            raise ValueError("members of a JSON object are separated by commas")
    return found, at


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return at if found is None else found.end()
