"""The active learning loop, for a block of runs of one (task, embedder) cell that advance round by round together.

Each round: fit every run's head, score the test set and the pool for all heads by panel products, let each strategy
pick, ask the annotator. A run's result does not depend on which runs share its block.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nofreelunch.evaluation.scores import METRICS, score
from nofreelunch.geometry import Geometry, LabelledDistances, squared_norms
from nofreelunch.heads import logistic
from nofreelunch.heads.linear import LinearHead, panel_products
from nofreelunch.query import Query
from nofreelunch.randomness import generator

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


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
        basis: principal axes of the pool.
        C: inverse strength of the head's penalty.
    """

    dataset: str
    embedder: str
    pool: FloatArray
    norms: FloatArray
    test: FloatArray
    test_labels: IntArray
    class_count: int
    basis: logistic.Basis
    C: float

    @classmethod
    def of(
        cls,
        dataset: str,
        embedder: str,
        pool: FloatArray,
        test: FloatArray,
        test_labels: IntArray,
        class_count: int,
        C: float,
    ) -> "Cell":
        """The cell with all that follows from its features."""
        return cls(
            dataset, embedder, pool, squared_norms(pool), test, test_labels, class_count, logistic.Basis.of(pool), C
        )

    def geometry(self, seed: int) -> Geometry:
        """The pool's shared facts for the runs of ``seed``."""
        return Geometry(self.pool, self.norms, self.dataset, self.embedder, seed)

    def head(self, fit: logistic.Fit) -> LinearHead:
        """``fit`` as a head on the cell's features."""
        return LinearHead(self.class_count, fit.classes, *fit.unrotate(self.basis))


@dataclass(frozen=True)
class Run:
    """One AL run to simulate.

    Attributes:
        ips, strategy: names.
        seed: number of the repetition.
        initial: (k₀,) int64 rows to start from.
        select: the strategy's function.
        options: its options.
        uses_head: whether it looks at the head.
        batch, rounds: batch size and number of batches.
    """

    ips: str
    strategy: str
    seed: int
    initial: IntArray
    select: Callable[..., IntArray]
    options: Mapping[str, Any]
    uses_head: bool
    batch: int
    rounds: int


@dataclass(frozen=True)
class Curve:
    """What a run leaves behind; round 0 is the initial pool.

    Attributes:
        acquired: (L,) int64 rows in order of acquisition.
        labels: (rounds + 1,) int64, how many of them each round's head was fitted on.
        metrics: (rounds + 1, len(METRICS)) float64 on the test set.
        classes_seen: (rounds + 1,) int64.
        seconds: (rounds + 1, 2) float64, choosing the round's batch and fitting its head.
    """

    acquired: IntArray
    labels: IntArray
    metrics: npt.NDArray[np.float64]
    classes_seen: IntArray
    seconds: npt.NDArray[np.float64]


@dataclass
class _State:
    run: Run
    labelled: IntArray
    answers: IntArray
    rotated: FloatArray
    distances: LabelledDistances
    fit: logistic.Fit | None = None
    labels: list[int] = field(default_factory=list)
    metrics: list[npt.NDArray[np.float64]] = field(default_factory=list)
    classes_seen: list[int] = field(default_factory=list)
    query_seconds: list[float] = field(default_factory=lambda: [0.0])
    fit_seconds: list[float] = field(default_factory=list)

    def add(self, cell: Cell, rows: IntArray, answers: IntArray) -> None:
        self.labelled = np.concatenate([self.labelled, rows])
        self.answers = np.concatenate([self.answers, answers])
        self.rotated = np.concatenate([self.rotated, cell.basis.rotate(cell.pool[rows])])

    def refit(self, cell: Cell) -> LinearHead:
        started = time.perf_counter()
        self.fit = logistic.fit(self.rotated, self.answers, cell.C, self.fit)
        self.fit_seconds.append(time.perf_counter() - started)
        return cell.head(self.fit)

    def curve(self) -> Curve:
        return Curve(
            self.labelled,
            np.array(self.labels, np.int64),
            np.array(self.metrics),
            np.array(self.classes_seen, np.int64),
            np.column_stack([self.query_seconds, self.fit_seconds]),
        )


def simulate(cell: Cell, annotate: Callable[[IntArray], IntArray], runs: Sequence[Run]) -> list[Curve]:
    """Advance ``runs`` of ``cell`` together; ``annotate`` gives the labels of pool rows, and nothing else knows them.

    A run whose pool is used up stops early: its curve has fewer rounds.
    """
    geometries = {seed: cell.geometry(seed) for seed in {run.seed for run in runs}}
    states = []
    for run in runs:
        empty = np.empty(0, np.int64)
        nothing = np.empty((0, cell.pool.shape[1] + 1), np.float32)
        state = _State(run, empty, empty, nothing, LabelledDistances(geometries[run.seed]))
        state.add(cell, run.initial, annotate(run.initial))
        states.append(state)

    active = states
    for number in range(max(run.rounds for run in runs) + 1):
        heads = [state.refit(cell) for state in active]
        for state, head, products in zip(active, heads, panel_products(heads, cell.test), strict=True):
            state.labels.append(len(state.labelled))
            state.metrics.append(score(head.from_products(products), cell.test_labels))
            state.classes_seen.append(len(head.classes))
        going_on = [
            (state, head)
            for state, head in zip(active, heads, strict=True)
            if number < state.run.rounds and len(state.labelled) < len(cell.pool)
        ]
        active = [state for state, _ in going_on]
        if not active:
            break
        for state, head, probabilities in _score_pool(cell, going_on):
            rows = _pick(cell, geometries[state.run.seed], state, head, probabilities, number + 1)
            state.add(cell, rows, annotate(rows))
    return [state.curve() for state in states]


def _score_pool(
    cell: Cell, going_on: list[tuple[_State, LinearHead]]
) -> Iterator[tuple[_State, LinearHead, FloatArray]]:
    """Pool probabilities for the runs that look at them; an empty array for the others."""
    looking = [head for state, head in going_on if state.run.uses_head]
    products = iter(panel_products(looking, cell.pool) if looking else [])
    for state, head in going_on:
        unseen = np.empty((0, cell.class_count), np.float32)
        yield state, head, head.from_products(next(products)) if state.run.uses_head else unseen


def _pick(
    cell: Cell, geometry: Geometry, state: _State, head: LinearHead, probabilities: FloatArray, number: int
) -> IntArray:
    run = state.run
    open_rows = np.ones(len(cell.pool), bool)
    open_rows[state.labelled] = False
    query = Query(
        features=cell.pool,
        geometry=geometry,
        distances=state.distances,
        labelled=state.labelled,
        labels=state.answers,
        candidates=np.flatnonzero(open_rows),
        head=head,
        probabilities=probabilities,
        batch_size=run.batch,
        rng=generator(cell.dataset, cell.embedder, run.ips, run.strategy, run.seed, "round", number),
    )
    started = time.perf_counter()
    rows = run.select(query, **run.options)
    state.query_seconds.append(time.perf_counter() - started)
    return rows


def probe(cell: Cell, labels: IntArray) -> dict[str, float]:
    """The full-pool linear probe: METRICS on the test set of a head fitted on all pool rows with their ``labels``."""
    fitted = logistic.fit(cell.basis.rotate(cell.pool), labels, cell.C)
    probabilities = cell.head(fitted).probabilities(cell.test)
    return dict(zip(METRICS, score(probabilities, cell.test_labels).tolist(), strict=True))
