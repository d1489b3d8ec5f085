"""A user's own table as the state of their labelling: read as it is, and given answers without another byte changed."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nofreelunch.base import storage
from nofreelunch.base.errors import UserError
from nofreelunch.labelling import label_studio
from nofreelunch.tasks.assemble import is_missing
from nofreelunch.tasks.columns import Reading, read_table
from nofreelunch.tasks.delimited import dialect_of, place_of
from nofreelunch.tasks.encodings import MARKS, encoding_of
from nofreelunch.tasks.spans import Span, csv_field, csv_records, csv_value, json_member, replaced

USUAL = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
LINE = re.compile(r"[^\r\n]*")


@dataclass(frozen=True)
class OwnTable:
    """The rows of a file in their order.

    Attributes:
        path: the file, links followed.
        text, label: names of its columns.
        reading: how it is read.
        texts: n texts; an empty one where there is none.
        labels: n labels as they are written; an empty one where nobody answered.
        places: where each row stands, in words.
        digest: SHA-256 (hex) of the file.
    """

    path: Path
    text: str
    label: str
    reading: Reading
    texts: list[str]
    labels: list[str]
    places: list[str]
    digest: str

    @property
    def kind(self) -> str:
        """The ending of its name."""
        return self.path.suffix.lower()


def read_own(path: Path, text: str, label: str, reading: Reading, skip: str = label_studio.SKIP) -> OwnTable:
    """Read a CSV, TSV, JSON lines, parquet, .xlsx or Label Studio JSON file.

    Args:
        path: the file.
        text, label: names of its columns; JSON lines need not have the label yet.
        reading: how to read it.
        skip: the label of Label Studio's tasks that everybody skipped.

    Raises:
        UserError: it cannot be read, or a column is absent or holds something else.
    """
    if path.suffix.lower() == ".json":
        return _read_tasks(path, text, label, reading, skip)
    try:
        digest = storage.file_digest(path)
        if path.suffix.lower() == ".jsonl":
            table = read_table(path, [text], reading)
            answers: list[Any] = _json_values(path, label, reading)
        else:
            table = read_table(path, [text, label], reading)
            answers = table.columns[label]
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist. Name the file that holds your texts.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UserError as error:
        raise UserError(_for_this_command(str(error), label)) from error
    values = table.columns[text]
    count = len(values)
    places = [f"row {i + 1}" for i in range(count)] if table.lines is None else [f"line {n}" for n in table.lines]
    for place, value in zip(places, values, strict=True):
        if not is_missing(value) and not isinstance(value, str):
            raise UserError(f"{path}, {place}: {value!r} in column '{text}' is not a text. Name another by --text.")
    texts = ["" if is_missing(value) else value for value in values]
    labels = [_label(value, f"{path}, {place}", label) for place, value in zip(places, answers, strict=True)]
    return OwnTable(path.resolve(), text, label, reading, texts, labels, places, digest)


def _for_this_command(message: str, label: str) -> str:
    if "'encoding" in message or "encoding'" in message:
        message += " On this command line: --encoding NAME."
    if f"unknown column '{label}'" in message:
        message += f" If nothing is labelled yet, add an empty column '{label}' to the file."
    return message


def _label(value: Any, place: str, column: str) -> str:
    if is_missing(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | bool | int):
        return str(value)
    raise UserError(f"{place}: {value!r} in column '{column}' is no label. Name another column by --label.")


def _json_values(path: Path, key: str, reading: Reading) -> list[Any]:
    with path.open(encoding=encoding_of(path, reading.encoding)) as handle:
        return [json.loads(line).get(key) for line in handle if line.strip()]


def _read_tasks(path: Path, text: str, label: str, reading: Reading, skip: str) -> OwnTable:
    tasks = label_studio.read_tasks(path, text, skip)
    places = [f"task {task.number}" for task in tasks]
    texts, labels = [task.text for task in tasks], [task.answer for task in tasks]
    return OwnTable(path.resolve(), text, label, reading, texts, labels, places, storage.file_digest(path))


def write_answers(table: OwnTable, answers: Mapping[int, str]) -> None:
    """Put ``answers`` (by row) into the file; nothing else in it changes, and a killed write leaves it as it was.

    Raises:
        UserError: the file changed since it was read, is open elsewhere, cannot hold an answer, or is of a kind that
            cannot be written without changing more.
    """
    refuse_if_open(table.path)
    writer = WRITERS.get(table.kind)
    if writer is None:
        raise UserError(
            f"{table.path}: answers cannot be put into a {table.kind} file without changing the rest of it. Type them "
            "there yourself, or save it as 'CSV UTF-8' and label that."
        )
    before = table.path.stat()
    content = table.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != table.digest:
        raise _changed(table.path)
    with storage.atomic(table.path) as temporary:
        writer(table, content, answers, temporary)
        shutil.copymode(table.path, temporary)
        after = table.path.stat()
        if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
            raise _changed(table.path)


def _changed(path: Path) -> UserError:
    return UserError(f"{path} was changed by another program since it was read. Nothing was written; run it again.")


def refuse_if_open(path: Path) -> None:
    """Refuse to write a file that a spreadsheet program has open, which would overwrite it when it saves.

    Raises:
        UserError: one says so by its lock file.
    """
    for lock, program in ((f".~lock.{path.name}#", "LibreOffice"), (f"~${path.name}", "Excel")):
        if (path.parent / lock).exists():
            raise UserError(
                f"{path} is open in {program}, which would overwrite it. Save and close it there, then run this again. "
                f"(If it is not open, remove {path.parent / lock}.)"
            )


@dataclass(frozen=True)
class Decoded:
    """A text file in characters, which lead back to its bytes.

    Attributes:
        mark: its byte order mark.
        codec: how the rest is written.
        text: the rest.
    """

    mark: bytes
    codec: str
    text: str

    @classmethod
    def of(cls, content: bytes, encoding: str, path: Path) -> "Decoded":
        """The characters of ``content``.

        Raises:
            UserError: they would not lead back to the same bytes.
        """
        mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
        codec = encoding
        if encoding in ("utf-8-sig", "utf-16", "utf-32"):
            order = "-be" if mark.startswith((b"\xfe\xff", b"\x00\x00")) else "-le"
            codec = "utf-8" if encoding == "utf-8-sig" else encoding + order
        body = content[len(mark) :]
        text = body.decode(codec)
        if text.encode(codec) != body:
            raise UserError(f"{path}: {encoding} has several ways to write a character. Save the file as UTF-8.")
        return cls(mark, codec, text)

    def encoded(self, text: str, path: Path) -> bytes:
        """``text`` in the bytes of this file.

        Raises:
            UserError: its encoding lacks a character.
        """
        try:
            return self.mark + text.encode(self.codec)
        except UnicodeEncodeError as error:
            lacking = text[error.start : error.end]
            raise UserError(
                f"{path} is {self.codec}, which cannot hold {lacking!r}. Choose another name for the class, or save "
                "the file as UTF-8."
            ) from error


def _write_delimited(table: OwnTable, content: bytes, answers: Mapping[int, str], out: Path) -> None:
    reading = table.reading
    encoding = encoding_of(table.path, reading.encoding)
    dialect = dialect_of(table.path, [table.text, table.label], encoding, reading.delimiter, USUAL[table.kind])
    decoded = Decoded.of(content, encoding, table.path)
    text, quote = decoded.text, dialect.quote

    def column(text: str) -> list[Span]:
        rows = [record for record in csv_records(text, dialect.delimiter, quote) if record][dialect.skipped :]
        header = [csv_value(text, span, quote) for span in rows[0]]
        names = header if table.label in header else [name.strip() for name in header]
        place = place_of(table.path, names, table.label)
        return [record[place] for record in rows[1:]]

    spans = column(text)
    new = {}
    for row, answer in answers.items():
        old = spans[row]
        quoted = quote is not None and text.startswith(quote, old.start) and old.end > old.start
        new[old] = csv_field(answer, dialect.delimiter, quote, quoted=quoted)
    changed = replaced(text, new)
    _check(table, [csv_value(changed, span, quote) for span in column(changed)], answers)
    out.write_bytes(decoded.encoded(changed, table.path))


def _write_json_lines(table: OwnTable, content: bytes, answers: Mapping[int, str], out: Path) -> None:
    encoding = encoding_of(table.path, table.reading.encoding)
    decoded = Decoded.of(content, encoding, table.path)
    text, new = decoded.text, dict[Span, str]()
    starts = [found.start() for found in LINE.finditer(text) if found.group().strip()]
    numbers = _are_numbers(_json_values(table.path, table.label, table.reading))
    ascii_only = not decoded.codec.startswith("utf")
    for row, answer in answers.items():
        value = json.dumps(_typed(answer, numbers), ensure_ascii=ascii_only)
        span, closing = json_member(text, starts[row], table.label)
        if span is None:
            first = not json.JSONDecoder().raw_decode(text, text.index("{", starts[row]))[0]
            key = json.dumps(table.label, ensure_ascii=ascii_only)
            span, value = Span(closing, closing), f"{'' if first else ', '}{key}: {value}"
        new[span] = value
    changed = replaced(text, new)
    lines = [found.group() for found in LINE.finditer(changed) if found.group().strip()]
    _check(table, [_label(json.loads(line).get(table.label), "", "") for line in lines], answers)
    out.write_bytes(decoded.encoded(changed, table.path))


def _write_parquet(table: OwnTable, _: bytes, answers: Mapping[int, str], out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(table.path) as file:
        whole, groups = file.read(), file.metadata
        compression = groups.row_group(0).column(0).compression if groups.num_row_groups else "SNAPPY"
        height = groups.row_group(0).num_rows if groups.num_row_groups else None
    place = whole.schema.get_field_index(table.label)
    field = whole.schema.field(place)
    values = whole.column(place).to_pylist()
    numbers = _are_numbers(values)
    for row, answer in answers.items():
        values[row] = _typed(answer, numbers)
    kind = pa.string() if pa.types.is_null(field.type) else field.type
    try:
        column = pa.array(values, kind)
    except (pa.ArrowException, TypeError) as error:
        raise UserError(
            f"{table.path}: column '{table.label}' holds {field.type}, which cannot hold an answer ({error})."
        ) from error
    changed = whole.set_column(place, field.with_type(kind), column).replace_schema_metadata(whole.schema.metadata)
    pq.write_table(changed, out, compression=compression, row_group_size=height or None)


def _check(table: OwnTable, labels: list[str], answers: Mapping[int, str]) -> None:
    """Look at the new column before it is written: the file may be cut otherwise than it was read."""
    expected = [answers.get(row, old) for row, old in enumerate(table.labels)]
    found = ["" if is_missing(label) else label for label in labels]
    wrong = next((row for row, pair in enumerate(zip(expected, found, strict=True)) if pair[0] != pair[1]), None)
    if wrong is not None:
        raise UserError(f"{table.path}, {table.places[wrong]}: no answer can be put here safely. Nothing was written.")


def _are_numbers(values: list[Any]) -> bool:
    known = [value for value in values if not is_missing(value)]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _typed(answer: str, numbers: bool) -> Any:
    return int(answer) if numbers and re.fullmatch(r"[-+]?\d+", answer) else answer


WRITERS: dict[str, Callable[[OwnTable, bytes, Mapping[int, str], Path], None]] = {
    ".csv": _write_delimited,
    ".tsv": _write_delimited,
    ".txt": _write_delimited,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}
