"""A file on a desk: what the command does with it, step by step, on the `LabelLoop` of its rows."""

from dataclasses import dataclass, replace
from pathlib import Path

from nofreelunch.base import storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.labelling import label_studio, next_file
from nofreelunch.labelling.history import read_history, write_history
from nofreelunch.labelling.loop import LabelLoop, Options
from nofreelunch.labelling.next_file import Merged
from nofreelunch.labelling.own_file import OwnTable, read_own, write_answers
from nofreelunch.labelling.page import render
from nofreelunch.params import Params
from nofreelunch.tasks.columns import Reading

# Stands in every page that we write.
MARK = "No Free Lunch · labelling".encode()


@dataclass(frozen=True)
class Desk:
    """A user's file, and what lies beside it.

    Attributes:
        table: the file.
        loop: of its rows.
        folder: where the other files are written: that of the path by which it was named.
        stem: what their names begin with.
    """

    table: OwnTable
    loop: LabelLoop
    folder: Path
    stem: str

    @classmethod
    def open(
        cls,
        path: Path,
        text: str,
        label: str,
        options: Options | None = None,
        reading: Reading | None = None,
        params: Params | None = None,
        memo: Memo | None = None,
    ) -> "Desk":
        """Read the file at ``path`` with its columns ``text`` and ``label``.

        Raises:
            UserError: it cannot be read, or its labels are unclear.
        """
        options = options or Options()
        table = read_own(path, text, label, reading or Reading(), options.skip_mark)
        history = read_history(path.with_name(f"{path.stem}.history.json"))
        loop = LabelLoop(table.texts, table.labels, options, params=params, memo=memo, history=history, where=str(path))
        return cls(table, loop, path.parent, path.stem)

    def beside(self, ending: str) -> Path:
        """A file of the same name with another ending."""
        return self.folder / f"{self.stem}.{ending}"

    def place(self, row: int) -> str:
        """Where a row stands in the file, in words."""
        return self.table.places[row]

    def merge(self, path: Path) -> Merged:
        """Put the answers of the list or the export at ``path`` into the file; those that may not be are told.

        Raises:
            UserError: it cannot be read, or the file cannot be written.
        """
        options = self.loop.options
        replies = next_file.read_list(path, self.table, options.skip_mark)
        names = self.loop.answers.names
        found = next_file.merged(self.table, replies, names, options.skip_mark, accept=options.accept_new)
        if found.taken:
            write_answers(self.table, found.taken)
        return found

    def hand_out(self, path: Path) -> None:
        """Write the list of texts to label next, and note it in the history.

        Raises:
            UserError: the list at ``path`` holds answers that are not in the file yet.
        """
        content = next_file.written_list(self.table, self.loop.batch)
        next_file.write_list(path, self.table, content, self.loop.history.written)
        seen = replace(self.loop.seen, written=storage.file_digest(path))
        write_history(self.beside("history.json"), seen)

    def write_report(self, path: Path, stop: str) -> None:
        """Write the page.

        Raises:
            UserError: the file at ``path`` is something else.
        """
        if path.exists() and MARK not in path.read_bytes():
            raise UserError(f"{path} exists and is no page of ours. Name another file.")
        page = render(self.loop, self.table.path.name, stop, self.place)
        with storage.atomic(path) as temporary:
            temporary.write_text(page, encoding="utf-8")

    def write_predictions(self, path: Path) -> None:
        """Write label and probability of every row.

        Raises:
            UserError: the file at ``path`` is something else.
        """
        next_file.write_predictions(path, self.table, self.loop.predictions)

    def export_tasks(self, path: Path) -> None:
        """Write the next batch as Label Studio's tasks, with predictions and their scores.

        Raises:
            UserError: the file at ``path`` holds something else.
        """
        key = next_file.columns(self.table)[0]
        tasks = [
            label_studio.task(item.row + 1, item.text, key, rank, item.why, item.proposed, item.probability)
            for rank, item in enumerate(self.loop.batch, 1)
        ]
        label_studio.write_tasks(path, tasks)
