"""What others ask of an embedder's entry in params.yaml, whatever its kind.

A kind is one file of ``kinds``: a `Section` that answers what it answers otherwise, and below it ``ENTRY``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from nofreelunch.base.outside import Outside
from nofreelunch.base.spec import Spec
from nofreelunch.base.storage import Memo
from nofreelunch.embedders.embedding import Embedding
from nofreelunch.embedders.model_entry import ModelEntry
from nofreelunch.embedders.own import Own
from nofreelunch.tasks.table import Split

Fields = tuple[str, str]
Embed = Callable[[Split, Split, str, str, Fields], Embedding]
"""From train, test, pair_format, a task's name and its fields to their embedding, as `embed.embed` says."""


class Embedder(Protocol):
    """Embeds any number of tasks."""

    def embed(self, train: Split, test: Split, pair_format: str, dataset: str, fields: Fields, /) -> Embedding:
        """Both splits of a task."""

    def has(self, train: Split, test: Split, pair_format: str, dataset: str, fields: Fields, /) -> bool:
        """Whether `embed` need not run a model."""


@dataclass(frozen=True)
class WithoutModel:
    """An `Embedder` that has no model to load: a function."""

    function: Embed

    def embed(self, *task: Any) -> Embedding:
        """See `Embedder`."""
        return self.function(*task)

    def has(self, *task: Any) -> bool:
        """See `Embedder`."""
        return True


@dataclass(frozen=True)
class About:
    """What an entry says of its vectors, for tables.

    Attributes:
        model: hub id, files or import path; the kind where it has none.
        revision: its commit; None where none is named.
        tokens: texts are cut after so many; None where they are not.
        pooling: how token vectors become a text's, in words; None where there are none.
        dtype: of the weights; None where there are none.
        prompt: put before each text.
        instructions: of its own, by task.
        remote_code: whether it runs code of the model's repository.
    """

    model: str
    revision: str | None = None
    tokens: int | None = None
    pooling: str | None = None
    dtype: str | None = None
    prompt: str = ""
    instructions: Mapping[str, str] = field(default_factory=dict)
    remote_code: bool = False


@dataclass(frozen=True)
class Part:
    """How much of its model an entry takes.

    Attributes:
        dim: the first so many dimensions; None for all.
        layers: the first so many; None for all.
        words: its input word vectors alone.
    """

    dim: int | None = None
    layers: int | None = None
    words: bool = False


class Section(Spec):
    """An embedder's entry; the answers here are those of a kind that has nothing else to say.

    Attributes:
        block: `embed.embed_texts` embeds so many texts at a time; None where a vector depends on those beside it.
        in_memo: whether vectors are kept in the memo.
    """

    block: ClassVar[int | None] = None
    in_memo: ClassVar[bool] = True
    if TYPE_CHECKING:

        @property
        def kind(self) -> str:
            """The name of its file."""

    def embedder(self, memo: Memo, grid: Iterable[Spec] = ()) -> Embedder:
        """What embeds, in this process.

        Args:
            memo: where finished chunks are kept.
            grid: entries whose vectors are wanted too.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what embeds")

    @property
    def transformer(self) -> ModelEntry | None:
        """The entry as one whose model is worth a GPU, or a cluster's workers; None where it runs none."""
        return None

    @property
    def registered(self) -> tuple[str | None, str | None]:
        """Its key in `registry.EMBEDDERS` and the commit in use; None where it has none."""
        return None, None

    def part(self) -> Part:
        """How much of the model is in use."""
        return Part()

    def about(self) -> About:
        """For tables."""
        return About(self.kind)

    def dimensions(self, dataset: str | None = None) -> int | None:
        """Of its vectors of a task, or of any where None is named, as far as the entry says (`facts.dimensions_of`)."""
        return None

    def to_fetch(self) -> dict[str, int]:
        """Bytes that a package index is still to be asked for, by what they are of."""
        return {}

    def own(self, dataset: str) -> Own:
        """What a cell reads that is the user's own.

        Raises:
            UserError: a model's folder has no whole weights.
        """
        return Own([], [])

    def changed(self, cards: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The tasks whose vectors were made of files of the user's own that have changed since.

        Args:
            cards: what was written beside the vectors of each task; empty where there are none, and of
                another kind where the entry was one.
        """
        return []

    def outside(self) -> Outside | None:
        """The code from outside this package that makes the vectors."""
        return None

    def check(self) -> None:
        """Look at what only the entries of the grid are asked for.

        Raises:
            UserError: the code from outside cannot be had, or does not take the options.
        """

    def check_task(self, splits: Mapping[str, Split], pair_format: str, dataset: str) -> None:
        """See to it that the user's own files hold what a task needs.

        Raises:
            UserError: they do not.
        """
