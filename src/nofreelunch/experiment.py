"""Every AL run of one (task, embedder) cell, resumed from the memo, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from nofreelunch import device, engine, layout, storage
from nofreelunch.annotator import answers
from nofreelunch.cell_files import Data, budget_for, read_pools
from nofreelunch.errors import UserError
from nofreelunch.evaluation.scores import METRICS
from nofreelunch.heads.scaling import scale
from nofreelunch.params import Params, Rounds
from nofreelunch.progress import Progress
from nofreelunch.provenance import code_digest
from nofreelunch.randomness import generator
from nofreelunch.simulation import Cell, Curve, Run, probe, simulate
from nofreelunch.storage import Memo
from nofreelunch.strategies import STRATEGIES

IntArray = npt.NDArray[np.int64]
Columns = dict[str, Any]

# About what fills a panel of heads, and small enough that no worker is left with the last long block.
BLOCK_RUNS = 8


@dataclass(frozen=True)
class Results:
    """The tables of a cell in grid order (ips, strategy, seed, round).

    Attributes:
        runs: ips, strategy, seed, round, labels, METRICS, classes_seen.
        acquired: ips, strategy, seed, round, rank, row.
        seconds: ips, strategy, seed, round, query_seconds, fit_seconds.
        probe: METRICS of a head fitted on the whole pool with its true labels.
        computed, total: how many runs were simulated now, and how many there are.
        stopped_early: whether the pool was used up before the budget.
    """

    runs: Columns
    acquired: Columns
    seconds: Columns
    probe: dict[str, float]
    computed: int
    total: int
    stopped_early: bool


def active_learn(params: Params, dataset: str, embedder: str, data: Data, memo: Memo) -> Results:
    """Run every AL run of the cell that the memo does not hold.

    Raises:
        UserError: k₀ is larger than the pool, or the initial pools are not those of ``params``.
    """
    budget = budget_for(params, dataset, data.class_count, len(data.pool))
    runs = _runs(params, dataset, embedder, budget, len(data.pool))
    base = {
        "cell": [dataset, embedder],
        "data": storage.digest(
            np.asarray(data.pool), np.asarray(data.test), data.pool_labels, data.test_labels, str(data.class_count)
        ),
        "head": params.head.model_dump(),
        "annotator": params.annotator.model_dump(),
        **({} if device.kind() == "cpu" else {"device": device.kind()}),
    }
    keys = [_key(base, run) for run in runs]
    curves = {key: _unpack(stored) for key in keys if (stored := memo.load(key)) is not None}
    missing = [(key, run) for key, run in zip(keys, runs, strict=True) if key not in curves]
    probe_key = storage.digest(base, code_digest("nofreelunch.simulation", "nofreelunch.heads.scaling"), "probe")

    @cache
    def cell() -> Cell:
        pool, test = scale(data.pool, data.test, params.head.scaling)
        return Cell.of(dataset, embedder, pool, test, data.test_labels, data.class_count, params.head)

    with threadpool_limits(1):
        probed = memo.once(probe_key, lambda: {"metrics": np.array(list(probe(cell(), data.pool_labels).values()))})
        if missing:
            said = {
                seed: answers(
                    params.annotator, data.pool_labels, data.class_count, generator(dataset, seed, "annotator")
                )
                for seed in range(params.grid.seeds)
            }
            curves |= _simulate(cell(), data.pool_labels, said, missing, memo)
    ordered = [curves[key] for key in keys]
    return Results(
        *_tables(runs, ordered),
        probe=dict(zip(METRICS, probed["metrics"].tolist(), strict=True)),
        computed=len(missing),
        total=len(runs),
        stopped_early=any(len(curve.labels) <= run.rounds for run, curve in zip(runs, ordered, strict=True)),
    )


def _runs(params: Params, dataset: str, embedder: str, budget: Rounds, pool: int) -> list[Run]:
    table = read_pools(dataset, embedder, pool)
    runs = []
    for ips in params.grid.pools:
        for strategy in params.grid.strategies:
            entry = STRATEGIES[strategy]
            for seed in range(params.grid.seeds):
                initial = table["row"][(table["ips"] == ips) & (table["seed"] == seed)].astype(np.int64)
                if len(initial) != budget.initial:
                    raise UserError(
                        f"{layout.pools(dataset, embedder)} has {len(initial)} rows for ips '{ips}', seed {seed}, not "
                        f"{budget.initial}. Run 'dvc repro initialize@{dataset}-{embedder}'."
                    )
                runs.append(
                    Run(
                        ips,
                        strategy,
                        seed,
                        initial,
                        entry.select,
                        params.strategies[strategy],
                        entry.uses_head,
                        budget.batch,
                        budget.rounds,
                        entry.uses_truth,
                    )
                )
    return runs


def _key(base: dict[str, Any], run: Run) -> str:
    code = code_digest(
        "nofreelunch.annotator", "nofreelunch.simulation", "nofreelunch.heads.scaling", run.select.__module__
    )
    settings = {
        "run": [run.ips, run.strategy, run.seed],
        "budget": [run.batch, run.rounds],
        "options": dict(run.options),
    }
    return storage.digest(base, settings, run.initial, code)


def _simulate(
    cell: Cell, labels: IntArray, said: dict[int, IntArray], missing: Sequence[tuple[str, Run]], memo: Memo
) -> dict[str, Curve]:
    """Simulate in blocks, keeping each in the memo as soon as it is done."""
    for strategy, options in {run.strategy: run.options for _, run in missing}.items():
        prepare = STRATEGIES[strategy].prepare
        if prepare is not None:
            prepare(cell.geometry(0), **options)
    ordered = sorted(missing, key=lambda item: (item[1].seed, item[1].strategy, item[1].ips))
    blocks = [ordered[first : first + BLOCK_RUNS] for first in range(0, len(ordered), BLOCK_RUNS)]
    curves: dict[str, Curve] = {}
    with Progress(f"{cell.dataset} × {cell.embedder}", len(ordered), "runs") as progress:
        for block in engine.map_unordered(_simulate_block, (cell, labels, said), blocks):
            for key, curve in block.items():
                memo.save(key, _pack(curve))
            curves |= block
            progress.update(len(block))
    return curves


def _simulate_block(
    cell: Cell, labels: IntArray, said: dict[int, IntArray], block: Sequence[tuple[str, Run]]
) -> dict[str, Curve]:
    with threadpool_limits(1):
        done = simulate(cell, lambda rows, seed: said[seed][rows], [run for _, run in block], truth=labels)
    return {key: curve for (key, _), curve in zip(block, done, strict=True)}


def _pack(curve: Curve) -> dict[str, npt.NDArray[Any]]:
    return dict(vars(curve))


def _unpack(arrays: dict[str, npt.NDArray[Any]]) -> Curve:
    return Curve(**arrays)


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
        | {"classes_seen": np.concatenate([curve.classes_seen for curve in curves])},
        _named(runs, acquired_rounds)
        | {
            "rank": np.concatenate([np.arange(len(rows)) for rows in acquired]),
            "row": np.concatenate(acquired),
        },
        _named(runs, rounds) | {"query_seconds": seconds[:, 0], "fit_seconds": seconds[:, 1]},
    )


def _named(runs: Sequence[Run], rounds: Sequence[IntArray]) -> Columns:
    lengths = [len(numbers) for numbers in rounds]
    return {
        "ips": np.repeat([run.ips for run in runs], lengths).tolist(),
        "strategy": np.repeat([run.strategy for run in runs], lengths).tolist(),
        "seed": np.repeat([run.seed for run in runs], lengths),
        "round": np.concatenate(rounds),
    }
