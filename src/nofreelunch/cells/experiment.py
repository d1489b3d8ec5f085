"""Every AL run of one (task, embedder) cell: planned, computed where the memo lacks it, and put into tables."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nofreelunch.base import layout, storage
from nofreelunch.base.arrays import Bits, Float64Array, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.progress import Progress
from nofreelunch.base.provenance import code_digest, defining_modules, definition, environment
from nofreelunch.base.randomness import generator
from nofreelunch.base.storage import Entry, Memo
from nofreelunch.cells.cell_files import Data, budget_for, read_pools
from nofreelunch.cells.made import Made, make, named, refuse
from nofreelunch.cells.metrics import METRICS
from nofreelunch.cells.simulation import Cell, Curve, Run, probe, simulate
from nofreelunch.compute import engine
from nofreelunch.compute.work import Work
from nofreelunch.heads.kinds import KINDS
from nofreelunch.heads.scaling import scale
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.params import Params
from nofreelunch.selection.strategies import parts
from nofreelunch.space import device
from nofreelunch.space.held_rows import memory_told
from nofreelunch.tasks.annotator import answers
from nofreelunch.tasks.budget import Rounds

Columns = dict[str, Any]
Keyed = tuple[str, Run]
Piece = Sequence[Keyed] | str
"""A block of runs with their keys, or the key of the probe."""

PER_ROUND = ("classes_seen", "filled", "C")
HOW_FITTED = ("iterations", "gradient_norm", "converged")
# No more runs than fill the panels of heads. On a device heads are fitted together: as many as keep it busy.
BLOCK_RUNS, DEVICE_BLOCK_RUNS = 8, 40


@dataclass(frozen=True)
class Results:
    """The tables of a cell in grid order (ips, strategy, seed, round).

    Attributes:
        runs: ips, strategy, seed, round, labels, METRICS, classes_seen, filled (rows of the batch that a
            strategy drew at random, for want of any it would choose), C (NaN for a head without one).
        acquired: ips, strategy, seed, round, rank, row.
        seconds: ips, strategy, seed, round, query_seconds, fit_seconds, iterations, gradient_norm, converged.
        correct: (rows of runs + 2, ⌈m / 8⌉) uint8, which test rows were right in each row of runs, then by the probe,
            then by chance; see `layout.correct`.
        probe: METRICS of a head fitted on the whole pool with its true labels; under chance those of the pool's most
            frequent class; under test_rows m; under C its own, where it has one.
        computed, total: how many runs were simulated now, and how many there are.
        stopped_early: whether the pool was used up before the budget.
        unconverged: how many fits stopped without converging, the probe's among them.
    """

    runs: Columns
    acquired: Columns
    seconds: Columns
    correct: Bits
    probe: dict[str, Any]
    computed: int
    total: int
    stopped_early: bool
    unconverged: int

    def filled(self) -> dict[str, float]:
        """By strategy the share of its rows that it drew at random, where there are any."""
        shares = {}
        for name in dict.fromkeys(self.runs["strategy"]):
            own = np.array(self.runs["strategy"]) == name
            picked = np.diff(self.runs["labels"][own], prepend=0)[self.runs["round"][own] > 0]
            drawn = int(self.runs["filled"][own].sum())
            if drawn:
                shares[name] = drawn / int(picked.sum())
        return shares


@dataclass(frozen=True)
class Plan:
    """The runs of one cell, and all that they need.

    Attributes:
        params, dataset, embedder, data: of the cell.
        runs: by the key of its entry in the memo, in grid order.
        probe: the key of the probe's entry.
    """

    params: Params
    dataset: str
    embedder: str
    data: Data
    runs: dict[str, Run]
    probe: str

    @classmethod
    def of(cls, params: Params, dataset: str, embedder: str, data: Data, pools: Columns) -> "Plan":
        """The plan of a cell with the initial ``pools`` (columns ips, seed, row).

        Raises:
            UserError: k₀ is larger than the pool, or ``pools`` are not those of ``params``.
        """
        budget = budget_for(params, dataset, data.class_count, len(data.pool))
        base = {
            "cell": [dataset, embedder],
            "data": storage.digest(
                np.asarray(data.pool), np.asarray(data.test), data.pool_labels, data.test_labels, str(data.class_count)
            ),
            "head": _head(params.head),
            "annotator": params.annotator.model_dump(),
            "environment": environment() | device.mark(),
        }
        runs = {_key(base, run): run for run in _runs(params, dataset, embedder, budget, pools)}
        code = code_digest("nofreelunch.cells.simulation", "nofreelunch.heads.scaling")
        return cls(params, dataset, embedder, data, runs, storage.digest(base, code, "probe"))

    def found(self, memo: Memo) -> dict[str, Entry]:
        """What the memo holds of the runs and the probe, by key."""
        return memo.load_all((self.probe, *self.runs))

    def work(self, found: Container[str]) -> Work[Made]:
        """The work on all that is not among the keys ``found``: each piece makes entries of the memo.

        Raises:
            UserError: what a strategy prepares for its queries cannot be computed, or a device's memory does not
                suffice for what all runs share.
        """
        missing = [(key, run) for key, run in self.runs.items() if key not in found]
        pieces: list[Piece] = [*_blocks(missing)]
        if self.probe not in found:
            pieces.insert(0, self.probe)
        if not pieces:
            return Work(_compute, (), [])
        params, data = self.params, self.data
        with threadpool_limits(1), memory_told():
            pool, test = scale(data.pool, data.test, params.head.scaling, centre=params.head.centre)
            cell = Cell.of(self.dataset, self.embedder, pool, test, data.test_labels, data.class_count, params.head)
            for name, run in {run.strategy: run for _, run in missing if run.query_subset is None}.items():
                if run.entry.prepare is not None:
                    with named(f"what strategy '{name}' prepares for {self.dataset} × {self.embedder}"):
                        run.entry.prepare(cell.geometry(0), **run.options)
        said = {
            seed: answers(
                params.annotator, data.pool_labels, data.class_count, generator(self.dataset, seed, "annotator")
            )
            for seed in {run.seed for _, run in missing}
        }
        return Work(_compute, (cell, data.pool_labels, said), pieces)


def active_learn(params: Params, dataset: str, embedder: str, data: Data, memo: Memo) -> Results:
    """Run every AL run of the cell that the memo does not hold.

    Raises:
        UserError: k₀ is larger than the pool, the initial pools are not those of ``params``, or runs are at fault;
            all others are in the memo then.
    """
    plan = Plan.of(params, dataset, embedder, data, read_pools(dataset, embedder, len(data.pool)))
    entries = plan.found(memo)
    missing = len(plan.runs.keys() - entries.keys())
    work = plan.work(entries)
    if work.arguments:
        with Progress(f"{dataset} × {embedder}", missing, "runs") as progress:
            faults: list[str] = []
            for made in engine.map_unordered(work.function, work.shared, work.arguments):
                memo.save_all(made.entries)
                entries |= made.entries
                faults += made.faults
                progress.update(len(made.entries.keys() & plan.runs.keys()))
        refuse(faults, "runs")
    runs, curves = list(plan.runs.values()), [Curve(**entries[key]) for key in plan.runs]
    ends = entries[plan.probe]
    return Results(
        *_tables(runs, curves),
        correct=np.vstack([*(curve.correct for curve in curves), ends["correct"], ends["chance_correct"]]),
        probe=_named_metrics(ends["metrics"])
        | {"chance": _named_metrics(ends["chance"]), "test_rows": len(data.test_labels)}
        | ({} if np.isnan(ends["C"][0]) else {"C": float(ends["C"][0])}),
        computed=missing,
        total=len(runs),
        stopped_early=any(len(curve.labels) <= run.rounds for run, curve in zip(runs, curves, strict=True)),
        unconverged=sum(int((~converged).sum()) for converged in [ends["converged"], *(c.converged for c in curves)]),
    )


def _head(head: HeadSpec) -> dict[str, Any]:
    """What tells a head from others: its options, its code, and what it is where that is from outside."""
    kind, own = KINDS[head.kind], head.outside()
    outside = {"outside": definition(own)} if own else {}
    return {"options": head.model_dump(), "code": code_digest(*defining_modules(kind))} | outside


def _runs(params: Params, dataset: str, embedder: str, budget: Rounds, pools: Columns) -> list[Run]:
    runs = []
    for ips in params.grid.pools:
        for strategy in params.grid.strategies:
            entry, options, query_subset = parts(params.strategies[strategy])
            for seed in range(params.grid.seeds):
                initial = pools["row"][(pools["ips"] == ips) & (pools["seed"] == seed)].astype(np.int64)
                if len(initial) != budget.initial:
                    raise UserError(
                        f"{layout.pools(dataset, embedder)} has {len(initial)} rows for ips '{ips}', seed {seed}, not "
                        f"{budget.initial}. Run 'dvc repro initialize@{dataset}-{embedder}'."
                    )
                runs.append(
                    Run(
                        ips=ips,
                        strategy=strategy,
                        seed=seed,
                        initial=initial,
                        entry=entry,
                        options=options,
                        batch=budget.batch,
                        rounds=budget.rounds,
                        query_subset=query_subset,
                    )
                )
    return runs


def block_runs() -> int:
    """How many runs advance together at most."""
    return BLOCK_RUNS if device.kind() == "cpu" else DEVICE_BLOCK_RUNS


def _blocks(runs: Sequence[Keyed]) -> list[list[Keyed]]:
    """Runs that advance together: those of one strategy and seed, which share clusterings and so on; on a device those
    of all seeds.

    No more of them, as the runs of a block are finished, shown and kept all at once.
    """
    alone = device.kind() == "cpu"
    together: dict[tuple[int, str], list[Keyed]] = {}
    for key, run in sorted(runs, key=lambda item: (item[1].seed, item[1].strategy, item[1].ips)):
        together.setdefault((run.seed if alone else 0, run.strategy), []).append((key, run))
    size = block_runs()
    return [block[first : first + size] for block in together.values() for first in range(0, len(block), size)]


def _key(base: dict[str, Any], run: Run) -> str:
    code = code_digest(
        "nofreelunch.tasks.annotator",
        "nofreelunch.cells.simulation",
        "nofreelunch.heads.scaling",
        *defining_modules(run.entry),
    )
    settings = {
        "run": [run.ips, run.strategy, run.seed],
        "strategy": definition(run.entry),
        "budget": [run.batch, run.rounds],
        "options": dict(run.options),
        "query subset": run.query_subset,
    }
    return storage.digest(base, settings, run.initial, code)


def _compute(cell: Cell, labels: IntArray, said: dict[int, IntArray], piece: Piece) -> Made:
    def simulated(block: Sequence[Keyed]) -> dict[str, Entry]:
        runs = [run for _, run in block]
        curves = simulate(cell, lambda rows, seed: said[seed][rows], runs, truth=labels)
        return {key: dict(vars(curve)) for (key, _), curve in zip(block, curves, strict=True)}

    with threadpool_limits(1):
        if isinstance(piece, str):
            return Made({piece: probe(cell, labels)})
        return make(simulated, piece)


def _tables(runs: Sequence[Run], curves: Sequence[Curve]) -> tuple[Columns, Columns, Columns]:
    rounds = [np.arange(len(curve.labels)) for curve in curves]
    acquired_rounds = [np.repeat(r, np.diff(c.labels, prepend=0)) for r, c in zip(rounds, curves, strict=True)]
    acquired = [curve.acquired[: curve.labels[-1]] for curve in curves]
    metrics = np.concatenate([curve.metrics for curve in curves])
    seconds = np.concatenate([curve.seconds for curve in curves])
    return (
        _named(runs, rounds)
        | {"labels": np.concatenate([curve.labels for curve in curves])}
        | {name: metrics[:, i] for i, name in enumerate(METRICS)}
        | {name: np.concatenate([getattr(curve, name) for curve in curves]) for name in PER_ROUND},
        _named(runs, acquired_rounds)
        | {
            "rank": np.concatenate([np.arange(len(rows)) for rows in acquired]),
            "row": np.concatenate(acquired),
        },
        _named(runs, rounds)
        | {"query_seconds": seconds[:, 0], "fit_seconds": seconds[:, 1]}
        | {name: np.concatenate([getattr(curve, name) for curve in curves]) for name in HOW_FITTED},
    )


def _named_metrics(values: Float64Array) -> dict[str, float]:
    return dict(zip(METRICS, values.tolist(), strict=True))


def _named(runs: Sequence[Run], rounds: Sequence[IntArray]) -> Columns:
    lengths = [len(numbers) for numbers in rounds]
    return {
        "ips": np.repeat([run.ips for run in runs], lengths).tolist(),
        "strategy": np.repeat([run.strategy for run in runs], lengths).tolist(),
        "seed": np.repeat([run.seed for run in runs], lengths),
        "round": np.concatenate(rounds),
    }
