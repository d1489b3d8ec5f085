"""Requests of several runs that one strategy answers together: on a device in steps for all, on the CPU one by one.

Such a strategy is a function of a `Block` to the picks of each of its requests. A block's arrays, of n rows and up to m
candidates, are where the products with the pool are computed. Their leading axis … is that of the R runs; on the CPU,
where a block is one request, there is none, and a position is a number.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, update_wrapper
from typing import Any

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.selection.query import Query


class Block:
    """Requests on one pool.

    Attributes:
        queries: of the R runs, of one cell; one alone on the CPU.
        rows: the pool.
        sizes: how many rows each run picks.
        size: the largest of them.
    """

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries = queries
        self.rows = queries[0].geometry.rows
        self.sizes = [min(query.batch_size, len(query.candidates)) for query in queries]
        self.size = max(self.sizes)

    @cached_property
    def columns(self) -> Any:
        """(C, …, n) float32 probabilities."""
        return self.stacked([self.rows.up(query.scored).T for query in self.queries], axis=1)

    @cached_property
    def order(self) -> Any:
        """(…, m) int64, each run's candidates, then its first again where it has fewer than others."""
        longest = max(len(query.candidates) for query in self.queries)
        return self.stacked([self.rows.up(_padded(query.candidates, longest)) for query in self.queries])

    @cached_property
    def real(self) -> Any:
        """(R, m) bool, which of ``order`` are no repetitions; None where all are."""
        lengths = [len(query.candidates) for query in self.queries]
        if min(lengths) == max(lengths):
            return None
        return self.rows.up(np.arange(max(lengths)) < np.array(lengths)[:, None])

    def free(self) -> Any:
        """(…, n) bool, which rows are candidates; a new array."""
        return self.stacked([self.rows.up(_mask(query)) for query in self.queries])

    def stacked(self, values: Sequence[Any], axis: int = 0) -> Any:
        """What each run has, with the axis of runs at ``axis``."""
        return self.rows.xp.stack(list(values), axis=axis) if self.rows.several else values[0]

    def index(self, *places: Any) -> tuple[Any, ...]:
        """Of ``places`` ((…) or more) of each run in an array (…, n)."""
        if not self.rows.several:
            return places
        return (self._runs.reshape(-1, *[1] * (places[-1].ndim - 1)), *places)

    @cached_property
    def _runs(self) -> Any:
        return self.rows.up(np.arange(len(self.queries)))

    def of_candidates(self, values: Any, others: float) -> Any:
        """(…, m) the candidates' ``values`` ((…, n)), and ``others`` for repetitions."""
        gathered = self.rows.gathered(values, self.order)
        return gathered if self.real is None else self.rows.xp.where(self.real, gathered, others)

    def lowest(self, scores: Any) -> list[IntArray]:
        """The batches of those candidates with the lowest ``scores`` ((…, n)); of equal ones the earlier.

        Raises:
            UserError: a candidate's score is NaN.
        """
        xp = self.rows.xp
        own = self.of_candidates(scores, np.inf)
        best = xp.argsort(own, stable=True)[..., : self.size]
        strange = xp.isnan(own).any(axis=-1, keepdims=True)
        found = self.rows.down(xp.concatenate([self.rows.gathered(self.order, best), strange], axis=-1))
        if found[..., -1].any():
            raise UserError(f"some of {own.shape[-1]} scores are NaN; none of them can be ranked.")
        return self.cut(found[..., :-1])

    def taken(self, picks: Sequence[Any]) -> list[IntArray]:
        """The batches that were picked one row ((…) of each run) after the other."""
        if not picks:
            return [np.empty(0, np.int64)] * len(self.queries)
        return self.cut(self.rows.fetched(picks).T)

    def cut(self, picks: IntArray) -> list[IntArray]:
        """Each run's batch, of ``picks`` ((…, size))."""
        each = picks if self.rows.several else picks[None]
        return [own[:size] for own, size in zip(each, self.sizes, strict=True)]


def _padded(rows: IntArray, length: int) -> IntArray:
    return rows if len(rows) == length else np.concatenate([rows, np.full(length - len(rows), rows[:1].sum())])


def _mask(query: Query) -> Any:
    mask = np.zeros(len(query.features), bool)
    mask[query.candidates] = True
    return mask


class Jointly:
    """A strategy that answers the requests of several runs together, and one of them as a block of one; the ``select``
    of its module."""

    def __init__(self, together: Callable[..., list[IntArray]]) -> None:
        self.together = together
        update_wrapper(self, together)
        self.__qualname__ = "select"

    def __call__(self, query: Query, **options: Any) -> IntArray:
        """The rows for one request."""
        return self.together(Block([query]), **options)[0]


def two_highest(columns: Any, xp: Any = np) -> tuple[Any, Any]:
    """(…) each: the highest and the second highest of the C values of ``columns`` ((C, …) float32 of ``xp``, ≥ 0); 0
    for none."""
    first, second = xp.zeros_like(columns[0]), xp.zeros_like(columns[0])
    for p in columns:
        xp.maximum(second, xp.minimum(first, p), out=second)
        xp.maximum(first, p, out=first)
    return first, second
