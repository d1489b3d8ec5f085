"""The active learning loop, for a block of runs of one (task, embedder) cell that advance round by round together.

Each round: fit every run's head, score the test set and the pool for all heads by panel products, let each strategy
pick, ask the annotator. On the CPU a run's result does not depend on which runs share its block; on a device, where
their heads are fitted together, its last bits may.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, Bits, BoolArray, Float64Array, FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.randomness import generator
from nofreelunch.cells.metrics import constant, correct, score
from nofreelunch.cells.panel import score_panel
from nofreelunch.heads import trainer
from nofreelunch.heads.head import Head, Learner, Trainer, Training
from nofreelunch.heads.linear import portions, score_all
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.selection.guard import checked
from nofreelunch.selection.query import OracleQuery, Query, Strategy, narrowed
from nofreelunch.selection.together import Block, Jointly
from nofreelunch.space.device import place
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.rows import Rows, squared_norms

Annotate = Callable[[IntArray, int], IntArray]
"""Labels of pool rows, as the annotator of the runs of a seed gives them."""


@dataclass(frozen=True)
class Cell:
    """One (task, embedder): what every run of it shares.

    Attributes:
        dataset, embedder: names, for the random generators.
        pool: (n, d) float32, scaled.
        norms: (n,) float32 squared row lengths of the pool.
        test: (m, d) float32, scaled.
        test_labels: (m,) int64.
        class_count: C.
        trainer: fits the heads.
        test_rows: the test set, where its products are computed.
        shared: facts about the pool that hold for every seed.
    """

    dataset: str
    embedder: str
    pool: FloatArray
    norms: FloatArray
    test: FloatArray
    test_labels: IntArray
    class_count: int
    trainer: Trainer
    test_rows: Rows
    shared: dict[Hashable, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        dataset: str,
        embedder: str,
        pool: FloatArray,
        test: FloatArray,
        test_labels: IntArray,
        class_count: int,
        head: HeadSpec,
    ) -> "Cell":
        """The cell with all that follows from its features."""
        norms = squared_norms(pool)
        rows = place(pool, norms)
        fits = trainer(head, rows, class_count)
        shared: dict[Hashable, Any] = {"rows": rows}
        return cls(dataset, embedder, pool, norms, test, test_labels, class_count, fits, place(test), shared)

    @property
    def rows(self) -> Rows:
        """The pool, where its products are computed."""
        return self.geometry(0).rows

    def geometry(self, seed: int) -> Geometry:
        """The pool's shared facts for the runs of ``seed``."""
        return Geometry(self.pool, self.norms, self.dataset, self.embedder, seed, shared=self.shared)

    def fitting(self, seed: int, C: float | None = None) -> Callable[[IntArray, IntArray], Head]:
        """Fits the head of any rows and labels from scratch, with ``C`` where it would choose one."""
        return lambda rows, labels: self.learner(seed, C).fit(rows, labels)

    def learner(self, seed: int, C: float | None = None) -> Learner:
        """A new learner; all runs of ``seed`` start from the same draws."""
        return self.trainer.learner(generator(self.dataset, self.embedder, seed, "head"), C)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One AL run to simulate.

    Attributes:
        ips, strategy: names.
        seed: number of the repetition.
        initial: (k₀,) int64 rows to start from.
        entry: the strategy itself.
        options: its options.
        batch, rounds: batch size and number of batches.
        query_subset: how many random candidates each query sees; None for all.
    """

    ips: str
    strategy: str
    seed: int
    initial: IntArray
    entry: Strategy
    options: Mapping[str, Any] = field(default_factory=dict)
    batch: int
    rounds: int
    query_subset: int | None = None

    def names(self, dataset: str, embedder: str, number: int) -> tuple[str | int, ...]:
        """Of the generator of the query ``number`` of this run in a cell."""
        return dataset, embedder, self.ips, self.strategy, self.seed, "round", number


@dataclass(frozen=True)
class Curve:
    """What a run leaves behind; round 0 is the initial pool.

    Attributes:
        acquired: (L,) int64 rows in order of acquisition.
        labels: (rounds + 1,) int64, how many of them each round's head was fitted on.
        metrics: (rounds + 1, len(METRICS)) float64 on the test set.
        correct: (rounds + 1, ⌈m / 8⌉) uint8, which test rows were right, as `metrics.correct` packs them.
        classes_seen: (rounds + 1,) int64.
        filled: (rounds + 1,) int64, how many rows of each round's batch the strategy drew at random, for want of any it
            would choose.
        C: (rounds + 1,) float64 inverse strength of the head's penalty, NaN for a head without one.
        seconds: (rounds + 1, 2) float64, choosing the round's batch and fitting its head.
        iterations: (rounds + 1,) int64 steps of each fit.
        gradient_norm: (rounds + 1,) float64 where they ended.
        converged: (rounds + 1,) bool.
    """

    acquired: IntArray
    labels: IntArray
    metrics: Float64Array
    correct: Bits
    classes_seen: IntArray
    filled: IntArray
    C: Float64Array
    seconds: Float64Array
    iterations: IntArray
    gradient_norm: Float64Array
    converged: BoolArray


@dataclass
class _State:
    run: Run
    labelled: IntArray
    answers: IntArray
    learner: Learner
    distances: LabelledDistances
    labels: list[int] = field(default_factory=list)
    metrics: list[Float64Array] = field(default_factory=list)
    correct: list[Bits] = field(default_factory=list)
    classes_seen: list[int] = field(default_factory=list)
    filled: list[int] = field(default_factory=lambda: [0])
    trainings: list[Training] = field(default_factory=list)
    query_seconds: list[float] = field(default_factory=lambda: [0.0])
    fit_seconds: list[float] = field(default_factory=list)

    def add(self, rows: IntArray, answers: IntArray) -> None:
        self.labelled = np.concatenate([self.labelled, rows])
        self.answers = np.concatenate([self.answers, answers])

    def curve(self) -> Curve:
        return Curve(
            self.labelled,
            np.array(self.labels, np.int64),
            np.array(self.metrics),
            np.array(self.correct),
            np.array(self.classes_seen, np.int64),
            np.array(self.filled, np.int64),
            np.array([training.C for training in self.trainings]),
            np.column_stack([self.query_seconds, self.fit_seconds]),
            np.array([training.iterations for training in self.trainings], np.int64),
            np.array([training.gradient_norm for training in self.trainings]),
            np.array([training.converged for training in self.trainings]),
        )


def simulate(cell: Cell, annotate: Annotate, runs: Sequence[Run], truth: IntArray | None = None) -> list[Curve]:
    """Advance ``runs`` of ``cell`` together.

    A run whose pool is used up stops early: its curve has fewer rounds.

    Args:
        cell: what the runs share.
        annotate: gives the labels of the rows that were picked.
        runs: in any order.
        truth: (n,) true labels of the pool, for runs that are marked to use them and out of reach of all others.

    Raises:
        ValueError: a run uses the truth, and there is none.
    """
    if truth is None and any(run.entry.uses_truth for run in runs):
        raise ValueError("a run that uses the true labels needs them")
    geometries = {seed: cell.geometry(seed) for seed in {run.seed for run in runs}}
    active = states = [
        _State(
            run,
            run.initial,
            annotate(run.initial, run.seed),
            cell.learner(run.seed),
            LabelledDistances(geometries[run.seed]),
        )
        for run in runs
    ]
    for number in range(max(run.rounds for run in runs) + 1):
        heads = _refit(cell, active)
        panels = score_all(heads, cell.test_rows)
        scored = (own for panel in panels for own in score_panel(panel, cell.test_labels, cell.test_rows))
        for state, head, (metrics, bits) in zip(active, heads, scored, strict=True):
            state.labels.append(len(state.labelled))
            state.metrics.append(metrics)
            state.correct.append(bits)
            state.classes_seen.append(len(head.classes))
            state.trainings.append(head.training)
        going_on = [
            (state, head)
            for state, head in zip(active, heads, strict=True)
            if number < state.run.rounds and len(state.labelled) < len(cell.pool)
        ]
        active = [state for state, _ in going_on]
        if not active:
            break
        for together in _asked(cell, going_on):
            asked = [state.run for state, *_ in together]
            names = [run.names(cell.dataset, cell.embedder, number + 1) for run in asked]
            queries = []
            for (state, head, probabilities), own in zip(together, names, strict=True):
                query = _query(cell, geometries[state.run.seed], state, head, probabilities, own)
                if state.run.entry.uses_truth and truth is not None:
                    query = OracleQuery.of(query, truth, cell.fitting(state.run.seed, head.training.C))
                queries.append(query)
            started = time.perf_counter()
            batches = _pick(asked, queries, names)
            seconds = (time.perf_counter() - started) / len(asked)
            for (state, *_), query, rows in zip(together, queries, batches, strict=True):
                state.query_seconds.append(seconds)
                state.filled.append(sum(query.filled))
                state.add(rows, annotate(rows, state.run.seed))
    return [state.curve() for state in states]


def _refit(cell: Cell, states: Sequence[_State]) -> list[Head]:
    fitted = cell.trainer.fit_many(
        [state.learner for state in states], [state.labelled for state in states], [state.answers for state in states]
    )
    for state, (_, seconds) in zip(states, fitted, strict=True):
        state.fit_seconds.append(seconds)
    return [head for head, _ in fitted]


def _asked(cell: Cell, going_on: Sequence[tuple[_State, Head]]) -> Iterator[list[tuple[_State, Head, Any]]]:
    """The runs that are asked together, each with its head and what that says of the pool; runs whose strategy does not
    look at it get an empty array."""
    looking = [pair for pair in going_on if pair[0].run.entry.uses_head]
    others = [pair for pair in going_on if not pair[0].run.entry.uses_head]
    unseen = np.empty((0, cell.class_count), np.float32)
    waiting = iter(looking)
    for panel in score_all([head for _, head in looking], cell.rows):
        yield from _alike([(*next(waiting), own.T) for own in panel])
    for part in portions([head for _, head in others], cell.rows):
        yield from _alike([(*pair, unseen) for pair in others[part]])


def _alike(asked: list[tuple[_State, Head, Any]]) -> Iterator[list[tuple[_State, Head, Any]]]:
    """Successive ones of a strategy that answers several runs together; all others one by one."""

    def way(one: tuple[_State, Head, Any]) -> Any:
        run = one[0].run
        alone = run.query_subset is not None or not isinstance(run.entry.select, Jointly)
        return id(one[0]) if alone else (run.entry, dict(run.options))

    return (list(some) for _, some in groupby(asked, key=way))


def _query(
    cell: Cell, geometry: Geometry, state: _State, head: Head, scored: Any, names: tuple[str | int, ...]
) -> Query:
    open_rows = np.ones(len(cell.pool), bool)
    open_rows[state.labelled] = False
    query = Query(
        geometry=geometry,
        distances=state.distances,
        labelled=state.labelled,
        labels=state.answers,
        candidates=generator(*names, "order").permutation(np.flatnonzero(open_rows)),
        head=head,
        scored=scored,
        batch_size=state.run.batch,
        rng=generator(*names),
    )
    # What runs share is for looking at.
    for array in (query.features, query.labelled, query.labels, query.candidates, query.scored):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return query


def _pick(runs: Sequence[Run], queries: Sequence[Query], names: Sequence[tuple[str | int, ...]]) -> list[IntArray]:
    """The batches of ``runs`` of one strategy; one that is to see random rows of the pool alone is the only one."""
    run, query = runs[0], queries[0]
    if run.query_subset is not None:
        view, rows = narrowed(query, run.query_subset, *names[0])
        return [rows[picked] for picked in _checked(runs, [view], names)]
    return _checked(runs, queries, names)


def _checked(runs: Sequence[Run], queries: Sequence[Query], names: Sequence[tuple[str | int, ...]]) -> list[IntArray]:
    who = [
        f"strategy '{run.strategy}' on {own[0]} × {own[1]}, pool '{run.ips}', seed {run.seed}, round {own[-1]}"
        for run, own in zip(runs, names, strict=True)
    ]
    select, options = runs[0].entry.select, runs[0].options
    try:
        batches = (
            select.together(Block(queries), **options)
            if isinstance(select, Jointly)
            else [select(query, **options) for query in queries]
        )
    except UserError as error:
        raise UserError(f"{who[0]}: {error}") from error
    return [
        checked(picked, query.candidates, len(query.features), query.batch_size, own)
        for picked, query, own in zip(batches, queries, who, strict=True)
    ]


def probe(cell: Cell, labels: IntArray) -> dict[str, AnyArray]:
    """Between what a cell's curves run: a head fitted on all pool rows with their ``labels``, and chance.

    Returns:
        metrics and chance: (len(METRICS),) float64 on the test set, of that head and of the constant answer that is the
        pool's most frequent class; correct and chance_correct: (⌈m / 8⌉,) uint8, which test rows they are right for; C
        and converged: (1,) of the head's training.
    """
    head = cell.fitting(0)(np.arange(len(cell.pool)), labels)
    full = head.probabilities(cell.test)
    always = constant(labels, len(cell.test), cell.class_count)
    return {
        "metrics": score(full, cell.test_labels),
        "correct": correct(full, cell.test_labels),
        "chance": score(always, cell.test_labels),
        "chance_correct": correct(always, cell.test_labels),
        "C": np.array([head.training.C]),
        "converged": np.array([head.training.converged]),
    }
