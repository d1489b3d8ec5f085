"""The list of texts to label next, as a table for any spreadsheet, and how its answers come back into the own file."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nofreelunch.base import storage
from nofreelunch.base.errors import UserError
from nofreelunch.labelling import label_studio
from nofreelunch.labelling.answers import almost
from nofreelunch.labelling.loop import Item, Prediction
from nofreelunch.labelling.own_file import USUAL, OwnTable, refuse_if_open
from nofreelunch.tasks.assemble import is_missing
from nofreelunch.tasks.classes import WHOLE, tidy
from nofreelunch.tasks.columns import READERS, Reading, read_table
from nofreelunch.tasks.delimited import dialect_of
from nofreelunch.tasks.encodings import MARKS, encoding_of

ROW, RANK, PROPOSED, PROBABILITY, WHY, SOURCE = "row", "rank", "proposed", "probability", "why", "source"
# Spreadsheets cut cells of more than 32,767 characters; a text is told by fewer.
LONGEST, CUT = 10_000, " […]"


@dataclass(frozen=True)
class Reply:
    """An answer that came back.

    Attributes:
        row: of the user's file, from 1; None where it is not said.
        text: that was labelled, its beginning if it is long.
        answer: the label, as it is written.
        where: it stands, in words.
        several: different answers of several people.
    """

    row: int | None
    text: str
    answer: str
    where: str
    several: tuple[str, ...] = ()


@dataclass(frozen=True)
class Merged:
    """What became of the answers.

    Attributes:
        taken: by row of the file, from 0.
        already: how many stood there before.
        refused: what was not taken, each with its reason and its cure.
        new: classes that were never seen before.
    """

    taken: dict[int, str]
    already: int = 0
    refused: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def columns(table: OwnTable) -> tuple[str, str]:
    """What the columns of text and label are called in the list: as in the file, unless a column of ours is."""
    ours = (ROW, RANK, PROPOSED, PROBABILITY, WHY)
    return table.text if table.text not in ours else "text", table.label if table.label not in ours else "label"


def written_list(table: OwnTable, items: Sequence[Item]) -> bytes:
    """The list as a table like the user's own: its separator and encoding, in UTF-8 with a mark."""
    text, label = columns(table)
    header = [ROW, RANK, text, label, PROPOSED, PROBABILITY, WHY]
    rows = (
        [item.row + 1, rank, shortened(item.text), "", item.proposed, _share(item.probability), item.why]
        for rank, item in enumerate(items, 1)
    )
    return as_table(table, [header, *rows])


def written_predictions(table: OwnTable, predictions: Sequence[Prediction]) -> bytes:
    """Every row with its class, the class's probability and where it comes from."""
    text, label = columns(table)
    rows = (
        [row, shortened(words), said.label, _share(said.probability), said.source]
        for row, (words, said) in enumerate(zip(table.texts, predictions, strict=True), 1)
    )
    return as_table(table, [[ROW, text, label, PROBABILITY, SOURCE], *rows])


def shortened(text: str) -> str:
    """``text``, or its beginning where a spreadsheet would cut it."""
    return text if len(text) <= LONGEST else text[:LONGEST] + CUT


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def as_table(table: OwnTable, rows: Iterable[Sequence[object]]) -> bytes:
    """``rows`` as a CSV that opens where the user's own file opens."""
    delimiter, encoding = ",", "utf-8-sig"
    if table.kind in USUAL:
        own = encoding_of(table.path, table.reading.encoding)
        encoding = encoding if own.startswith("utf-8") else own
        wanted = [table.text, table.label]
        delimiter = dialect_of(table.path, wanted, own, table.reading.delimiter, USUAL[table.kind]).delimiter
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    try:
        return buffer.getvalue().encode(encoding)
    except UnicodeEncodeError:
        return buffer.getvalue().encode("utf-8-sig")


def read_list(path: Path, table: OwnTable, skip: str = label_studio.SKIP) -> list[Reply]:
    """The answers of a list that was handed out, as a CSV, TSV, .xlsx, or an export of Label Studio, where
    ``skip`` is the answer of tasks that everybody skipped.

    Raises:
        UserError: it cannot be read, or is no such list.
    """
    text, label = columns(table)
    if path.suffix.lower() == ".json":
        tasks = label_studio.read_tasks(path, text, skip)
        return [Reply(task.row, task.text, task.answer, f"task {task.number}", task.disagreeing) for task in tasks]
    if path.resolve() == table.path:
        raise UserError(f"{path} is the file itself; its answers need no merging.")
    found = read_table(path, [ROW, text, label], _reading_of(path, table))
    places = found.lines or range(2, len(found.columns[ROW]) + 2)
    replies = []
    for place, row, words, answer in zip(places, *(found.columns[name] for name in (ROW, text, label)), strict=True):
        number = str(row).strip().partition(".")[0]
        said = "" if is_missing(answer) else str(answer)
        replies.append(Reply(int(number) if number.isdigit() else None, str(words), said, f"line {place}"))
    return replies


def _reading_of(path: Path, table: OwnTable) -> Reading:
    """How to read a list that some program may have saved anew: by its mark, as UTF-8, or as the user's own file."""
    if path.suffix.lower() not in READERS or not path.is_file():
        return Reading()
    content = path.read_bytes()
    if content.startswith(tuple(MARKS)):
        return Reading()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return Reading(encoding=table.reading.encoding or "cp1252")
    return Reading()


def merged(table: OwnTable, replies: Sequence[Reply], known: Sequence[str], skip: str, *, accept: bool) -> Merged:
    """Which answers may be put into the file, and why others may not.

    An answer finds its row by number and text; by its text alone where rows were moved. It is taken where nobody
    answered before.

    Args:
        table: the user's file.
        replies: that came back.
        known: names of classes.
        skip: what stands where a person would not answer.
        accept: whether names that differ from known ones in case or blanks alone are taken.
    """
    by_text = _index(table)
    taken: dict[int, str] = {}
    already, refused, new = 0, list[str](), dict[str, None]()
    names = list(known)
    for reply in replies:
        answer, where = reply.answer, reply.where
        if reply.several:
            refused.append(f"{where}: people answered {' and '.join(map(repr, reply.several))}. Settle it there.")
            continue
        if is_missing(answer):
            continue
        row = _row_of(reply, table, by_text)
        if row is None:
            refused.append(f"{where}: no row of {table.path.name} has the text {_told(reply.text)[:60]!r} any more.")
            continue
        answer = _as_known(answer, names)
        before, place = taken.get(row, table.labels[row]), f"{where} ({table.places[row]} of {table.path.name})"
        if before:
            if tidy(before) == tidy(answer):
                already += 1
            else:
                refused.append(f"{place}: {before!r} stands there, and the answer is {answer!r}. Correct one of them.")
            continue
        near = None if answer == skip else almost(answer, names)
        if near is not None and not accept:
            refused.append(
                f"{place}: {answer!r} differs from {near!r} by case or blanks alone. Correct it, or repeat the command "
                "with --accept-new if it is a class of its own."
            )
            continue
        if answer != skip and answer not in names:
            names.append(answer)
            new[answer] = None
        taken[row] = answer
    return Merged(taken, already, refused, list(new))


def _as_known(answer: str, known: Sequence[str]) -> str:
    """``answer``, or the known number that a spreadsheet wrote as 1.0."""
    whole = answer.strip()
    number = whole.partition(".")[0]
    return number if WHOLE.fullmatch(whole) and number in known else answer


def _told(text: str) -> str:
    """What a text is told by, whatever a spreadsheet made of its blanks and its end."""
    return tidy(text.removesuffix(CUT)[:LONGEST])


def _index(table: OwnTable) -> dict[str, int]:
    """The first row of each text."""
    found: dict[str, int] = {}
    for row, text in enumerate(table.texts):
        found.setdefault(_told(text), row)
    return found


def _row_of(reply: Reply, table: OwnTable, by_text: Mapping[str, int]) -> int | None:
    told = _told(reply.text)
    if reply.row is not None and 1 <= reply.row <= len(table.texts) and _told(table.texts[reply.row - 1]) == told:
        return reply.row - 1
    return by_text.get(told) if told else None


def lost_by_writing(path: Path, table: OwnTable) -> list[Reply]:
    """Answers in the list at ``path`` that the user's file does not have; nothing where there is no list.

    Raises:
        UserError: the file at ``path`` is no list of ours.
    """
    if not path.exists():
        return []
    try:
        replies = read_list(path, table)
    except UserError as error:
        raise UserError(f"{path} exists and is no list of texts to label ({error}). Move it away.") from error
    by_text = _index(table)
    lost = []
    for reply in replies:
        row = _row_of(reply, table, by_text)
        if not is_missing(reply.answer) and (row is None or tidy(table.labels[row]) != tidy(reply.answer)):
            lost.append(reply)
    return lost


def write_list(path: Path, table: OwnTable, content: bytes, last: str) -> None:
    """Write the list; one to which a person added columns of their own is kept beside it.

    Args:
        path: of the list.
        table: the user's file.
        content: `written_list`.
        last: SHA-256 (hex) of the list that was written before.

    Raises:
        UserError: the list that is there holds answers that the user's file does not have, or is open elsewhere.
    """
    if path.suffix.lower() != ".csv":
        raise UserError(f"{path}: the list is a CSV. Give it a name that ends in .csv.")
    refuse_if_open(path)
    lost = lost_by_writing(path, table)
    if lost:
        raise UserError(
            f"{path} holds {len(lost)} answers that {table.path.name} does not have (first: {lost[0].where}, "
            f"{lost[0].answer!r}). Put them in by --merge {path}, or move that file away."
        )
    if path.exists() and storage.file_digest(path) != last and _has_more(path, table):
        number = next(n for n in range(1, 10_000) if not path.with_suffix(f".{n}{path.suffix}").exists())
        path.rename(path.with_suffix(f".{number}{path.suffix}"))
    with storage.atomic(path) as temporary:
        temporary.write_bytes(content)


def _has_more(path: Path, table: OwnTable) -> bool:
    """Whether the list at ``path`` has a column that we did not write."""
    with path.open(encoding=encoding_of(path, _reading_of(path, table).encoding), newline="") as handle:
        first = handle.readline().strip()
    names = next(csv.reader([first], delimiter=max(",;\t|", key=first.count)), [])
    return bool({name.strip() for name in names} - {*columns(table), ROW, RANK, PROPOSED, PROBABILITY, WHY, ""})


def write_predictions(path: Path, table: OwnTable, predictions: Sequence[Prediction]) -> None:
    """Write predictions to a new file, or over older ones.

    Raises:
        UserError: the file at ``path`` is something else.
    """
    if path.exists():
        text, label = columns(table)
        wanted = [ROW, text, label, PROBABILITY, SOURCE]
        try:
            ours = path.resolve() != table.path and bool(read_table(path, wanted, _reading_of(path, table)))
        except UserError:
            ours = False
        if not ours:
            raise UserError(f"{path} exists and holds no predictions of ours. Name another file.")
    with storage.atomic(path) as temporary:
        temporary.write_bytes(written_predictions(table, predictions))
