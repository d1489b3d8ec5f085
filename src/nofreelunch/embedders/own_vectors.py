"""Vectors that were computed elsewhere: an .npy, and a table that says which text each of its rows belongs to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nofreelunch.base.arrays import AnyFloatArray, FloatArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import BROKEN_NPY
from nofreelunch.embedders.own_files import absent, digest_of, own, vector_files
from nofreelunch.embedders.pair_formats import columns
from nofreelunch.embedders.spec import Npy
from nofreelunch.tasks.columns import read_columns
from nofreelunch.tasks.table import Split

Key = str | tuple[str, str]


def digests(spec: Npy, dataset: str) -> dict[str, str]:
    """SHA-256 (hex) of every file of a task's vectors and texts.

    Raises:
        UserError: a file is absent.
    """
    return {path.as_posix(): digest_of(path) for path in own(spec, dataset).files}


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
        UserError: a file is no such table, two that belong together differ in rows, or a text has no vector.
    """
    matrices: list[AnyFloatArray] = []
    place: dict[Key, tuple[int, int]] = {}
    for path, table in vector_files(spec, dataset).items():
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
        for i, key in enumerate(keys):
            number, row = place[key]
            out[i] = matrices[number][row]
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
        vectors: AnyFloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise absent(error) from error
    except BROKEN_NPY as error:
        raise UserError(f"{path} is no plain .npy array ({error}). Save it with numpy.save.") from error
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size:
        raise UserError(f"{path} holds {vectors.dtype} {vectors.shape}, not floating point (texts, dimensions).")
    return vectors
