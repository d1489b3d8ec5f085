"""What a query strategy and a pool selection may see. Hidden labels and test rows are not among it."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.heads.head import Head
from nofreelunch.space.geometry import Geometry, LabelledDistances


@dataclass(frozen=True)
class Start:
    """One request for an initial pool. Nothing is labelled yet and there is no head.

    Attributes:
        geometry: ``features``, and facts about them that every run of the cell shares.
        candidates: (n,) int64, all rows, in an order drawn for the run: of equally good ones the earlier is taken, so
            that the order of rows in a file decides nothing.
        size: how many rows to select, at most n.
        rng: the run's own generator.
    """

    geometry: Geometry
    candidates: IntArray
    size: int
    rng: np.random.Generator

    @property
    def features(self) -> FloatArray:
        """(n, d) float32, the pool, scaled as the head sees it."""
        return self.geometry.features


@dataclass(frozen=True)
class Query:
    """One request for a batch.

    Attributes:
        geometry: ``features``, and facts about them that every run of the cell shares.
        distances: every row's distance to its nearest labelled row, kept between rounds.
        labelled: (L,) int64, rows labelled so far, in order of acquisition.
        labels: (L,) int64, the annotator's answers for ``labelled``; classes may be missing.
        candidates: (m,) int64, rows that may be picked, disjoint from ``labelled``, in an order drawn for the run: of
            equally good ones the earlier is taken, so that the order of rows in a file decides nothing.
        head: fitted on the labelled rows.
        scored: (n, C) float32, the head's probabilities of every pool row, here or where the products with the pool are
            computed (`space.rows`); a class without a labelled row has probability 0. Columns are contiguous, rows are
            not.
        batch_size: how many rows to pick; where it exceeds m, all candidates are picked.
        rng: the run's own generator.
        filled: where a strategy notes how many rows of a batch it drew at random, for want of any it would choose.
    """

    geometry: Geometry
    distances: LabelledDistances
    labelled: IntArray
    labels: IntArray
    candidates: IntArray
    head: Head
    scored: Any
    batch_size: int
    rng: np.random.Generator
    filled: list[int] = field(default_factory=list)

    @cached_property
    def probabilities(self) -> FloatArray:
        """``scored`` here, fetched when it is first asked for; read-only."""
        here: FloatArray = self.geometry.rows.down(self.scored)
        here.flags.writeable = False
        return here

    @property
    def features(self) -> FloatArray:
        """(n, d) float32, the whole pool, scaled as the head sees it."""
        return self.geometry.features


@dataclass(frozen=True)
class OracleQuery(Query):
    """The request that only a strategy marked ``uses_truth`` gets: a reference, no method.

    Attributes:
        truth: (n,) int64, the true label of every pool row.
        refit: the head for labelled rows and their labels, fitted as the run's own.
    """

    truth: IntArray = field(kw_only=True)
    refit: Callable[[IntArray, IntArray], Head] = field(kw_only=True)

    @classmethod
    def of(cls, query: Query, truth: IntArray, refit: Callable[[IntArray, IntArray], Head]) -> "OracleQuery":
        """``query`` with what a reference is told beside it."""
        return cls(**{one.name: getattr(query, one.name) for one in fields(query)}, truth=truth, refit=refit)


def narrowed(query: Query, count: int, *names: str | int) -> tuple[Query, IntArray]:
    """The request as it reads where the pool is the labelled rows and the first ``count`` candidates alone.

    Args:
        query: the request.
        count: at most so many candidates are kept, but no fewer than the batch takes.
        names: of the generators of what the smaller pool's `Geometry` draws.

    Returns:
        the smaller request, and for each of its rows that of the whole pool.
    """
    chosen = query.candidates[: max(count, query.batch_size)]
    rows = np.concatenate([query.labelled, chosen])
    geometry = Geometry(query.features[rows], query.geometry.squared_norms[rows], *names)
    positions = np.arange(len(rows))
    view = replace(
        query,
        geometry=geometry,
        distances=LabelledDistances(geometry),
        labelled=positions[: len(query.labelled)],
        candidates=positions[len(query.labelled) :],
        scored=query.geometry.rows.columns(query.scored.T, rows).T if len(query.scored) else query.scored,
    )
    if isinstance(view, OracleQuery):
        whole = view.refit
        view = replace(view, truth=view.truth[rows], refit=lambda some, labels: whole(rows[some], labels))
    return view, rows


PoolSelection = Callable[..., IntArray]
"""A function of a `Start` to ``size`` distinct rows, best first; its keyword-only parameters are its options."""


@dataclass(frozen=True)
class Strategy:
    """A registry entry.

    Attributes:
        select: a function of a `Query` to distinct candidates; its keyword-only parameters are its options.
        uses_head: whether it reads ``probabilities``; where it does not, the pool is not scored for it.
        needs_linear_head: whether it works on the coefficients of a `LinearHead`.
        prepare: computes, from a `Geometry` and the options, what its queries share; None where there is nothing.
        uses_truth: whether it is a reference that gets an `OracleQuery`, and with it the true labels.
    """

    select: Callable[..., IntArray]
    uses_head: bool = True
    needs_linear_head: bool = False
    prepare: Callable[..., None] | None = None
    uses_truth: bool = False
