"""Vectors that were computed elsewhere: an .npy, and a table that says which text each of its rows belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from nofreelunch.base.arrays import AnyFloatArray, FloatArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.spec import Spec
from nofreelunch.base.storage import BROKEN_NPY, Memo, file_digest
from nofreelunch.embedders.embedding import Embedding
from nofreelunch.embedders.own import Own, absent, digest_of
from nofreelunch.embedders.pair_formats import columns
from nofreelunch.embedders.section import About, Embedder, Fields, Section, WithoutModel
from nofreelunch.tasks.columns import Reading, legal_delimiter, legal_encoding, read_columns
from nofreelunch.tasks.table import SPLITS, Split

Key = str | tuple[str, str]
# What a card calls them.
SOURCE = "local files"


class Npy(Section):
    """Vectors that were computed elsewhere. ``{dataset}`` and ``{split}`` (train, test) in a path stand for names.

    Attributes:
        vectors: an .npy of shape (n, d).
        texts: a CSV, TSV, JSON lines or parquet file whose row i is the text of row i of ``vectors``.
        text: its column of the text, or of the first text of a pair.
        text_pair: its column of the second text; None where texts were embedded alone.
        encoding, delimiter, sheet: how to read it, as for a task of files.
    """

    in_memo: ClassVar[bool] = False
    kind: Literal["npy"]
    vectors: str = Field(min_length=1)
    texts: str = Field(min_length=1)
    text: str = "text"
    text_pair: str | None = None
    encoding: Annotated[str, AfterValidator(legal_encoding)] | None = None
    delimiter: Annotated[str, AfterValidator(legal_delimiter)] | None = None
    sheet: str | None = None

    @property
    def reading(self) -> Reading:
        """How to read the table of texts."""
        return Reading(self.encoding, self.delimiter, self.sheet)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if ("{split}" in self.vectors) != ("{split}" in self.texts):
            raise ValueError("'{split}' must stand in both 'vectors' and 'texts', or in neither")
        return self

    def embedder(self, memo: Memo, grid: Iterable[Spec] = ()) -> Embedder:
        """See `Section`."""
        return WithoutModel(partial(_embedded, self))

    def about(self) -> About:
        """See `Section`."""
        return About(self.vectors)

    def dimensions(self, dataset: str | None = None) -> int | None:
        """See `Section`: those of the task's first file.

        Raises:
            UserError: that is no array of vectors.
        """
        if dataset is None:
            return None
        path = next(iter(self.files(dataset)))
        return int(open_vectors(path).shape[1]) if path.is_file() else None

    def files(self, dataset: str) -> dict[Path, Path]:
        """The .npy files for a task, each with its table of texts: one, or one for each split."""
        return {Path(_named(self.vectors, dataset, one)): Path(_named(self.texts, dataset, one)) for one in SPLITS}

    def own(self, dataset: str) -> Own:
        """See `Section`."""
        vectors = self.files(dataset)
        files = [*vectors, *vectors.values()]
        return Own([path.as_posix() for path in files], files)

    def changed(self, cards: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """See `Section`."""
        return [name for name, card in cards.items() if card.get("source") == SOURCE and _differ(card["sha256"])]

    def check_task(self, splits: Mapping[str, Split], pair_format: str, dataset: str) -> None:
        """See `Section`."""
        find_vectors(self, splits, pair_format, dataset)


def _named(template: str, dataset: str, split: str) -> str:
    return template.replace("{dataset}", dataset).replace("{split}", split)


def _differ(known: Mapping[str, str]) -> bool:
    return any(Path(path).is_file() and file_digest(Path(path)) != digest for path, digest in known.items())


def _embedded(spec: Npy, train: Split, test: Split, pair_format: str, dataset: str, _fields: Fields) -> Embedding:
    splits = {"train": train, "test": test}
    files = digests(spec, dataset)
    vectors = find_vectors(spec, splits, pair_format, dataset)
    card = {"kind": spec.kind, "source": SOURCE, "sha256": files}
    return Embedding.of(vectors, card)


def digests(spec: Npy, dataset: str) -> dict[str, str]:
    """SHA-256 (hex) of every file of a task's vectors and texts.

    Raises:
        UserError: a file is absent.
    """
    return {path.as_posix(): digest_of(path) for path in spec.own(dataset).files}


def find_vectors(spec: Npy, splits: Mapping[str, Split], pair_format: str, dataset: str) -> dict[str, list[FloatArray]]:
    """The vectors of a task's texts, found by the texts themselves: order, caps and duplicates do not matter.

    Args:
        spec: the embedder's entry in params.yaml.
        splits: of the task, by name.
        pair_format: of the task.
        dataset: the task's name.

    Returns:
        One (n, d) array for each split; two where both texts of a pair have vectors of their own (``concat``).

    Raises:
        UserError: a file is no such table, two that belong together differ in rows, or a text has no finite vector.
    """
    matrices: list[AnyFloatArray] = []
    place: dict[Key, tuple[int, int]] = {}
    for path, table in spec.files(dataset).items():
        vectors, keys = open_vectors(path), _table_keys(spec, table)
        if len(keys) != len(vectors):
            raise UserError(
                f"{path} has {len(vectors)} rows, but {table} has {len(keys)}. Row i of one must belong to row i of "
                "the other."
            )
        for row, key in enumerate(keys):
            place.setdefault(key, (len(matrices), row))
        matrices.append(vectors)
    if len({vectors.shape[1] for vectors in matrices}) > 1:
        raise UserError(f"the files of '{spec.vectors}' differ in dimensions; make them with one model.")

    def rows(keys: Sequence[Key], split: str) -> FloatArray:
        missing = next((i for i, key in enumerate(keys) if key not in place), None)
        if missing is not None:
            raise UserError(
                f"{splits[split].place(missing)} of the {split} split of task '{dataset}' has no vector: "
                f"'{spec.texts}' lacks {keys[missing]!r}. Embed it too, exactly as it stands in the task."
            )
        out = np.empty((len(keys), matrices[0].shape[1]), np.float32)
        # What is too large for float32 becomes infinite, and is refused as such.
        with np.errstate(over="ignore"):
            for i, key in enumerate(keys):
                number, row = place[key]
                out[i] = matrices[number][row]
        wrong = np.flatnonzero(~np.isfinite(out).all(axis=1))
        if len(wrong):
            number, row = place[keys[wrong[0]]]
            path = list(spec.files(dataset))[number]
            raise UserError(
                f"row {row} of {path}, the vector of {keys[wrong[0]]!r}, is not finite in float32 ({len(wrong)} such "
                f"row(s) in the {split} split of task '{dataset}'). Embed these texts anew, or leave them out of it."
            )
        return out

    return {
        name: [rows(keys, name) for keys in _task_keys(spec, split, pair_format, dataset)]
        for name, split in splits.items()
    }


def _table_keys(spec: Npy, table: Path) -> list[Key]:
    names = [spec.text] if spec.text_pair is None else [spec.text, spec.text_pair]
    found = read_columns(table, names, spec.reading)
    for name in names:
        wrong = next((i for i, text in enumerate(found[name]) if not isinstance(text, str)), None)
        if wrong is not None:
            raise UserError(f"{table}: row {wrong} of column '{name}' is {found[name][wrong]!r}, not a text.")
    return list(found[spec.text] if spec.text_pair is None else zip(*(found[name] for name in names), strict=True))


def _task_keys(spec: Npy, split: Split, pair_format: str, dataset: str) -> list[Sequence[Key]]:
    if spec.text_pair is None and (split.text_pair is None or pair_format == "concat"):
        return list(columns(split, "concat"))
    if spec.text_pair is not None and split.text_pair is not None:
        return [list(zip(split.text, split.text_pair, strict=True))]
    if spec.text_pair is not None:
        raise UserError(f"task '{dataset}' has single texts; remove 'text_pair' from this embedder.")
    raise UserError(
        f"task '{dataset}' has pairs of texts, and '{spec.texts}' single ones. Name the column of the second text in "
        "'text_pair' of this embedder, or set 'pair_format: concat' for the task."
    )


def open_vectors(path: Path) -> AnyFloatArray:
    """(texts, dimensions), memory-mapped.

    Raises:
        UserError: the file is absent, no .npy array, or one of another shape or type.
    """
    try:
        vectors: AnyFloatArray = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError as error:
        raise absent(error) from error
    except BROKEN_NPY as error:
        raise UserError(f"{path} is no plain .npy array ({error}). Save it with numpy.save.") from error
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size:
        raise UserError(f"{path} holds {vectors.dtype} {vectors.shape}, not floating point (texts, dimensions).")
    return vectors


ENTRY = Npy
