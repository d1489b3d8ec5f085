"""Embedders from outside this package: a function of texts, or a class of such functions, in a Python file or an
installed package.

What they return is looked at before it is believed. They are marked wherever their results are shown: they are no part
of the benchmark.
"""

import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, PydanticUserError, ValidationError
from threadpoolctl import threadpool_limits

from nofreelunch.base.arrays import AnyArray, FloatArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.options import Count, options_model
from nofreelunch.base.outside import Outside, call, find
from nofreelunch.base.progress import Progress
from nofreelunch.base.provenance import definition, environment
from nofreelunch.base.spec import Spec
from nofreelunch.base.storage import Memo, digest
from nofreelunch.embedders.embedding import Embedding
from nofreelunch.embedders.pair_formats import columns, distinct
from nofreelunch.embedders.section import About, Embedder, Fields, Section, WithoutModel
from nofreelunch.tasks.table import Split

Encode = Callable[[list[str]], Any]
# Texts of one call, and of one entry of the memo.
CHUNK = 1_024
# How many texts are embedded again, alone and in another order, and by what share of its length a vector may differ:
# the last bits of half precision may, but not what other texts have a part in.
AGAIN, SAME = 5, 0.02


class OutsideSpec(Section):
    """Vectors by code from outside this package.

    Attributes:
        where: under ``from``: ``file.py``, ``file.py:name`` or ``package.module:name``; a function of texts, or a class
            of such functions (see this module), ``embed`` where it has no other name.
        dim: how many dimensions its vectors must have; None takes those that they have.
        options: its keyword-only arguments.
    """

    model_config = ConfigDict(serialize_by_alias=True)
    kind: Literal["outside"]
    where: str = Field(alias="from", min_length=1)
    dim: Count | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    def outside(self) -> Outside:
        """The code.

        Raises:
            UserError: there is no such file or module.
        """
        return find(self.where, "embed")

    def embedder(self, memo: Memo, grid: Iterable[Spec] = ()) -> Embedder:
        """See `Section`."""
        return WithoutModel(partial(embed, self, memo))

    def about(self) -> About:
        """See `Section`."""
        return About(self.where)

    def dimensions(self, dataset: str | None = None) -> int | None:
        """See `Section`."""
        return self.dim

    def check(self) -> None:
        """See `Section`."""
        checked_options(self)


def checked_options(spec: OutsideSpec) -> dict[str, Any]:
    """The options of an entry, with their defaults.

    Raises:
        UserError: the code cannot be loaded, is no function and no class, or an option is none of its keyword-only
            parameters.
    """
    outside = spec.outside()
    made = outside.function(outside.load())
    try:
        options = options_model(made)(**spec.options).model_dump()
        json.dumps(options, allow_nan=False)
    except ValidationError as error:
        said = (".".join(["options", *map(str, one["loc"])]) + f": {one['msg']}" for one in error.errors())
        raise UserError("; ".join(said).replace("Value error, ", "")) from error
    except (NameError, TypeError, ValueError, PydanticUserError) as error:
        raise UserError(
            f"an option of '{outside.where}' is neither a number, a text, true, false nor a list of those, with its "
            f"type and default written beside it ({error})"
        ) from error
    return options


def embed(
    spec: OutsideSpec,
    memo: Memo,
    train: Split,
    test: Split,
    pair_format: str,
    dataset: str,
    fields: Fields,
) -> Embedding:
    """Embed both splits of one task, as `embed.embed`; finished chunks are in the memo.

    Raises:
        UserError: the code raises anything, or what it returns is not one float32 vector for each text, finite, of the
            declared ``dim``, and the same whenever it is asked.
    """
    splits = {"train": train, "test": test}
    texts = {name: columns(split, pair_format, fields=fields) for name, split in splits.items()}
    once = distinct(texts.values())
    matrix = vectors(spec, once, memo, dataset)
    place = {text: row for row, text in enumerate(once)}
    found = {name: [matrix[[place[text] for text in column]] for column in part] for name, part in texts.items()}
    outside = spec.outside()
    card = {
        "kind": spec.kind,
        "model": outside.name,
        "source": "code from outside",
        "sha256": outside.digest,
        "dtype": "float32",
        "versions": outside.releases,
        "texts": sum(len(column) for part in texts.values() for column in part),
        "unique_texts": len(once),
    }
    return Embedding.of(found, card)


def vectors(spec: OutsideSpec, texts: Sequence[str], memo: Memo, label: str) -> FloatArray:
    """(n, d) vectors of distinct ``texts``; ``label`` is shown with the progress.

    Raises:
        UserError: see `embed`.
    """
    outside, options = spec.outside(), checked_options(spec)
    who = f"embedder '{outside.where}' on {label}"
    settings = {
        "outside": definition(outside),
        "options": options,
        "dim": spec.dim,
        "environment": environment(),
    }
    parts = [list(texts[first : first + CHUNK]) for first in range(0, len(texts), CHUNK)]
    keys = [digest("vectors from outside", settings, json.dumps(part)) for part in parts]
    entries = memo.load_all(tuple(keys))
    missing = {key: part for key, part in zip(keys, parts, strict=True) if key not in entries}
    found = len(texts) - sum(map(len, missing.values()))
    with Progress(label, len(texts), "texts", found) as progress, threadpool_limits(1, "blas"):
        for key, part in missing.items():
            encode = _encoder(outside, json.dumps(options), who)
            made = _asked(encode, part, spec.dim, who)
            _same_again(encode, part, made, spec.dim, who)
            memo.save(key, {"vectors": made})
            entries[key] = {"vectors": made}
            progress.update(len(part))
    matrices = [entries[key]["vectors"] for key in keys]
    widths = sorted({one.shape[1] for one in matrices})
    if len(widths) > 1:
        raise _refused(who, f"it returned vectors of {widths[0]} dimensions for some texts, of {widths[-1]} for others")
    return np.concatenate(matrices)


@cache
def _loaded(outside: Outside, options: str) -> Encode:
    """A class is made once in a process; a function gets its options with every call."""
    made, said = outside.load(), json.loads(options)
    if inspect.isclass(made):
        instance: Encode = call(made, **said)
        return instance
    return lambda texts: made(texts, **said)


def _encoder(outside: Outside, options: str, who: str) -> Encode:
    try:
        return _loaded(outside, options)
    except UserError as error:
        raise UserError(f"{who}: {error}") from error


def _asked(encode: Encode, texts: list[str], dim: int | None, who: str) -> FloatArray:
    """(n, d) float32 vectors of ``texts``.

    Raises:
        UserError: see `embed`.
    """
    try:
        # A copy, as it may change the list.
        returned = call(encode, list(texts))
        found: AnyArray = np.asarray(returned)
    except UserError as error:
        raise UserError(f"{who}: {error}") from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise _refused(who, f"what it returned is no array ({error})") from error
    if found.dtype == object:
        cure = "; .toarray() makes one of a sparse matrix" if hasattr(returned, "toarray") else ""
        raise _refused(who, f"what it returned is a {type(returned).__name__}, no array of numbers{cure}")
    if found.dtype != np.float32:
        raise _refused(who, f"it returned {found.dtype} numbers, not float32; .astype(np.float32) makes them so")
    if found.ndim != 2 or not found.shape[1]:
        raise _refused(who, f"it returned an array of shape {found.shape}, not (texts, dimensions)")
    if len(found) != len(texts):
        raise _refused(who, f"it returned {len(found)} vectors for {len(texts)} texts")
    if dim is not None and found.shape[1] != dim:
        raise _refused(who, f"it returned vectors of {found.shape[1]} dimensions; 'dim' of its entry says {dim}")
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(wrong):
        raise _refused(who, f"the vector of {_shown(texts[wrong[0]])} has NaN or infinity in it ({len(wrong)} such)")
    return np.array(found, np.float32, order="C")


def _same_again(encode: Encode, texts: list[str], made: FloatArray, dim: int | None, who: str) -> None:
    """Ask for a few vectors again, which must be those that were ``made``.

    Raises:
        UserError: they differ.
    """
    rows = np.unique(np.linspace(0, len(texts) - 1, AGAIN).astype(np.int64))[::-1]
    again = _asked(encode, [texts[row] for row in rows], dim, who)
    if again.shape[1] != made.shape[1]:
        raise _refused(who, f"asked again, it returned {again.shape[1]} dimensions in place of {made.shape[1]}")
    apart = np.linalg.norm(again - made[rows], axis=1) > SAME * np.linalg.norm(made[rows], axis=1)
    if apart.any():
        raise _refused(
            who,
            f"asked again for {_shown(texts[rows[np.flatnonzero(apart)[0]]])}, it returned another vector. A text's "
            "vector must be the same each time, whatever texts stand beside it: seed what is drawn, fit nothing on the "
            "texts",
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def _refused(who: str, what: str) -> UserError:
    return UserError(f"{who}: {what}. Nothing of this is kept; mend it and run the same command again.")


ENTRY = OutsideSpec
