"""What a query strategy and a pool selection may see. Hidden labels and test rows are not among it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from nofreelunch.base.arrays import AnyArray, FloatArray, IntArray
from nofreelunch.base.errors import UserError
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
        probabilities: (n, C) float32, the head's probabilities of every pool row; a class without a labelled
            row has probability 0. Columns are contiguous, rows are not.
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
    probabilities: FloatArray
    batch_size: int
    rng: np.random.Generator
    filled: list[int] = field(default_factory=list)

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
        probabilities=_columns(query.probabilities, rows) if len(query.probabilities) else query.probabilities,
    )
    if isinstance(view, OracleQuery):
        whole = view.refit
        view = replace(view, truth=view.truth[rows], refit=lambda some, labels: whole(rows[some], labels))
    return view, rows


def _columns(probabilities: FloatArray, rows: IntArray) -> FloatArray:
    """The ``rows`` of ``probabilities``, columns contiguous as they are there."""
    columns: FloatArray = np.ascontiguousarray(probabilities.T[:, rows])
    return columns.T


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


def two_highest(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(m,) each: the highest and the second highest of the C values of ``columns`` ((C, m), ≥ 0); 0 for none."""
    first, second = np.zeros((2, columns.shape[1]), np.float32)
    for p in columns:
        np.maximum(second, np.minimum(first, p), out=second)
        np.maximum(first, p, out=first)
    return first, second


def lowest(scores: AnyArray, query: Query) -> IntArray:
    """The ``batch_size`` candidates with the lowest ``scores`` ((m,), one per candidate); of equal ones the earlier.

    Raises:
        UserError: a score is NaN.
    """
    if np.isnan(scores).any():
        raise UserError(f"{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN; none of them can be ranked.")
    order = np.argsort(scores, kind="stable")[: query.batch_size]
    return query.candidates[order]
