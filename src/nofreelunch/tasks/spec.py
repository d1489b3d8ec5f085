"""A task's entry in params.yaml, one class for each source."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nofreelunch.base.spec import Spec
from nofreelunch.tasks.budget import Rounds
from nofreelunch.tasks.classes import LabelCase
from nofreelunch.tasks.columns import Reading, legal_delimiter, legal_encoding

PairFormat = Literal["joined", "labelled", "concat"]


class DocsTask(Spec):
    """A built-in task made from the docstrings of the pinned packages: no download, real English.

    Attributes:
        task: which of the four built-in tasks.
        train: cap on the pool, None for all.
        test: cap on the test rows, None for all.
        seed: of the split and of the stratified caps.
        pair_format: how the two texts of a pair reach the embedder; ignored for single texts.
        budget: in labels, None for the one in the section ``budget``.
    """

    source: Literal["docs"]
    task: Literal["library", "module", "kind", "param"]
    train: int | None = Field(4000, ge=2)
    test: int | None = Field(1500, ge=2)
    seed: int = Field(0, ge=0)
    pair_format: PairFormat = "joined"
    budget: Rounds | None = None

    @property
    def identity(self) -> str | None:
        """The task's key in `base.registry.TASKS`."""
        return f"docs:{self.task}"

    @property
    def fields(self) -> tuple[str, str]:
        """The names of the two texts in the pair format ``labelled``."""
        return ("function", "parameter") if self.task == "param" else ("text 1", "text 2")


class TableTask(Spec):
    """What tasks read from tables have in common.

    Attributes:
        text: the column of the text, or of the first text of a pair.
        text_pair: the column of the second text; None for a task of single texts.
        label: the column of the class, numbers or strings.
        id: a column that names each row; it goes along to wherever rows are listed. None for none.
        train: cap on the pool (a seeded stratified sample), None for all.
        test: cap on the test rows, None for all.
        seed: of the caps and of the split.
        test_share: the share of each class that is drawn for the test rows where the entry names none.
        pair_format: how the two texts of a pair reach the embedder; ignored for single texts.
        drop_incomplete: leave out rows without a text or without a label; False refuses the task.
        deduplicate: keep the first of equal texts, and no pool row whose text is a test row; False counts them only.
        budget: in labels, None for the one in the section ``budget``.
        label_case: whether labels that differ in upper and lower case alone are one class; None refuses them.
        many_classes: take labels most of which occur once for classes.
    """

    text: str = "text"
    text_pair: str | None = None
    label: str = "label"
    id: str | None = None
    train: int | None = Field(20_000, ge=2)
    test: int | None = Field(5_000, ge=2)
    seed: int = Field(0, ge=0)
    test_share: float = Field(0.25, gt=0, lt=1)
    pair_format: PairFormat = "joined"
    drop_incomplete: bool = False
    deduplicate: bool = False
    budget: Rounds | None = None
    label_case: LabelCase | None = None
    many_classes: bool = False

    @property
    def identity(self) -> str | None:
        """The task's key in `base.registry.TASKS`; None for one's own files."""
        return None

    @property
    def fields(self) -> tuple[str, str]:
        """The names of the two texts in the pair format ``labelled``."""
        return self.text, self.text_pair or self.text

    @property
    def columns(self) -> list[str]:
        """The columns to read."""
        return [name for name in (self.text, self.text_pair, self.label, self.id) if name is not None]


class HubTask(TableTask):
    """A data set of the Hugging Face hub, or of the local mirror that takes the hub's place (see ``mirror``).

    The label −1 stands for a hidden one, as in GLUE's test splits.

    Attributes:
        hub: the data set's hub id.
        revision: the commit to read; None takes the newest one and writes it into the card.
        config: the data set's configuration, None for its only one.
        train_split: the split that becomes the pool.
        test_split: the split that becomes the test rows; the same as ``train_split`` draws them from it.
    """

    source: Literal["hub"]
    hub: str = Field(min_length=1)
    revision: str | None = None
    config: str | None = None
    train_split: str = "train"
    test_split: str = "test"

    @property
    def identity(self) -> str | None:
        """The task's key in `base.registry.TASKS`."""
        return self.hub if self.config is None else f"{self.hub}:{self.config}"


class FilesTask(TableTask):
    """Your own data: CSV, TSV, JSON lines, parquet or .xlsx, by the ending of the file's name.

    Attributes:
        train_file: the pool, or all rows where there is no test file.
        test_file: the test rows; None draws them from ``train_file``, stratified by class.
        encoding: of text files; None is UTF-8 unless the file begins with a mark that says otherwise.
        delimiter: what parts the cells of a CSV or TSV; None finds it by the columns in the header.
        sheet: of a workbook; None takes the only one that holds anything.
    """

    source: Literal["files"]
    train_file: str = Field(min_length=1)
    test_file: str | None = None
    encoding: Annotated[str, AfterValidator(legal_encoding)] | None = None
    delimiter: Annotated[str, AfterValidator(legal_delimiter)] | None = None
    sheet: str | None = None
    deduplicate: bool = True

    @property
    def reading(self) -> Reading:
        """How to read its files."""
        return Reading(self.encoding, self.delimiter, self.sheet)


TaskSpec = Annotated[DocsTask | HubTask | FilesTask, Field(discriminator="source")]
