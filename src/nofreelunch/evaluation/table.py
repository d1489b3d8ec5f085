"""What a table of the summary says: declared once, beside the function that makes it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "points", "gain", "number", "count", "p", "share", "flag"]
# What a number in a file is; points and gains are shown times 100, shares as per cent.
UNITS: dict[Kind, str] = {
    "text": "text",
    "points": "share; 0.01 is one point",
    "gain": "difference of shares; 0.01 is one point",
    "number": "number",
    "count": "count",
    "p": "probability",
    "share": "share",
    "flag": "true or false",
}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: in the file. One that ends with ``*`` stands for all columns with that beginning.
        label: its heading; ``*`` is what a name has beyond that beginning.
        kind: what its values are, and how they are shown.
        shown: whether the report shows it.
    """

    name: str
    label: str
    kind: Kind = "text"
    shown: bool = True

    def over(self, names: list[str]) -> list["Column"]:
        """The columns among ``names`` that it stands for."""
        if not self.name.endswith("*"):
            return [self] if self.name in names else []
        start = self.name[:-1]
        found = [name for name in names if name.startswith(start)]
        return [
            Column(name, self.label.replace("*", words(name.removeprefix(start))), self.kind, self.shown)
            for name in found
        ]


@dataclass(frozen=True)
class Table:
    """A table: its file in the summary, and what the report says of it.

    Attributes:
        name: of its files.
        title: its caption.
        sentence: what a row is, in one sentence.
        columns: in the order of the report; all of the file are among them.
        note: how to read it, and what not to read into it.
        shown: whether it stands in the report.
        printed: whether it is written as Markdown and LaTeX, too.
    """

    name: str
    title: str
    sentence: str
    columns: tuple[Column, ...]
    note: str = ""
    shown: bool = True
    printed: bool = True

    @property
    def marked(self) -> bool:
        """Whether its rows are marked with what the embedder has seen of the task."""
        return SEEN in self.columns

    def described(self) -> str:
        """As Markdown: the title, the sentence and the columns with their units."""
        head = ["| column | what | unit |", "| --- | --- | --- |"]
        rows = [f"| `{column.name}` | {column.label} | {UNITS[column.kind]} |" for column in self.columns]
        said = " ".join(filter(None, (self.sentence, self.note)))
        return "\n".join([f"## {self.name}", "", f"**{self.title}** {said}", "", *head, *rows, ""])


def words(name: str) -> str:
    """A name in a registry as read by people."""
    return name.replace("_", " ")


TASK, EMBEDDER = Column("dataset", "task"), Column("embedder", "embedder")
POOL, STRATEGY = Column("ips", "pool"), Column("strategy", "strategy")
SEEN = Column("seen", "labels seen")
SCOPE = Column("scope", "embedders")
METRIC = Column("metric", "metric", shown=False)
SEED, ROUND = Column("seed", "seed", "count"), Column("round", "round", "count")
LABELS = Column("labels", "labels", "count")


def interval(name: str, label: str, kind: Kind, lo: str = "lo", hi: str = "hi") -> tuple[Column, Column, Column]:
    """An estimate and the ends of its 95 % interval."""
    return Column(name, label, kind), Column(lo, "from", kind), Column(hi, "to", kind)


def hidden(kind: Kind, **labels: str) -> tuple[Column, ...]:
    """Columns of the file that the report does not show: name → label."""
    return tuple(Column(name, label, kind, shown=False) for name, label in labels.items())
