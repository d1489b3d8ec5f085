"""Try a query strategy of your own: the contract that all keep, then a short race against random, margin and BADGE."""

import argparse
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nofreelunch.base.arrays import Float64Array, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.options import options_model
from nofreelunch.base.outside import find
from nofreelunch.base.randomness import generator
from nofreelunch.base.storage import Memo
from nofreelunch.cells.metrics import METRICS
from nofreelunch.cells.simulation import Cell, Curve, Run, simulate
from nofreelunch.cli.text_table import text_table
from nofreelunch.embedders.embed import embed
from nofreelunch.embedders.kinds.lsa import Lsa
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.scaling import scale
from nofreelunch.selection.contract import typical, violations
from nofreelunch.selection.query import Strategy
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.spec import DocsTask

MINE = "yours"
RIVALS = ("random", "margin", "badge")
TASK, EMBEDDER = DocsTask(source="docs", task="kind", train=1500, test=1000, seed=0), Lsa(kind="lsa", dim=64)
INITIAL, BATCH, ROUNDS = 30, 30, 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and how long the race is."""
    parser.add_argument("file", help="a Python file with a function 'select(query)', or FILE.py:name, or module:name")
    parser.add_argument("--seeds", type=int, default=5, help="repetitions of the race; 0 leaves it out (default 5)")


def run(arguments: argparse.Namespace) -> None:
    """Print what the strategy breaks of the contract; where it breaks nothing, how it does on a built-in task.

    Raises:
        UserError: it cannot be loaded, or breaks the contract.
    """
    strategy = load(arguments.file)
    options = options_model(strategy.select)().model_dump()
    broken = []
    for case, fault in violations(strategy, options):
        print(f"{'ok  ' if fault is None else 'no  '}{case}{'' if fault is None else f': {fault}'}")
        broken += [case] if fault else []
    if broken:
        raise UserError(f"the strategy breaks {len(broken)} of the contract's cases: {', '.join(broken)}.")
    if arguments.seeds > 0:
        budget = f"{INITIAL} + {ROUNDS} × {BATCH} labels"
        print(
            f"\nA race: kinds of docstrings by LSA vectors, {budget}, {arguments.seeds} seeds; differences are paired"
        )
        print(race_table({MINE: (strategy, options)}, arguments.seeds))


def load(where: str) -> Strategy:
    """The strategy that ``where`` names: a `Strategy`, or a function of a `Query`.

    Raises:
        UserError: it cannot be loaded, or is neither.
    """
    found = find(where).load()
    if isinstance(found, Strategy):
        return found
    if not callable(found):
        raise UserError(f"'{where}' is a {type(found).__name__}, neither a function of a Query nor a Strategy.")
    return Strategy(found)


@dataclass(frozen=True)
class Track:
    """The task of the race.

    Attributes:
        cell: as the simulation takes it.
        labels: (n,) of the pool.
    """

    cell: Cell
    labels: IntArray

    @classmethod
    def built_in(cls) -> "Track":
        """A small task made of docstrings, embedded without a model."""
        memo, name, head = Memo.default(), "docs_kind", LogisticSpec()
        task = build_task(TASK, name)
        vectors = embed(EMBEDDER, task.train, task.test, TASK.pair_format, memo, name).arrays()
        pool, test = scale(vectors["train"], vectors["test"], head.scaling, centre=head.centre)
        cell = Cell.of(name, "lsa", pool, test, task.test.label, len(task.class_names), head)
        return cls(cell, task.train.label)


def race_table(mine: Mapping[str, tuple[Strategy, dict[str, Any]]], seeds: int) -> str:
    """Strategies down; AULC, differences to random and BADGE paired by seed, and the cost of a query across."""
    track = Track.built_in()
    field = {name: (STRATEGIES[name], options_model(STRATEGIES[name].select)().model_dump()) for name in RIVALS}
    areas = {}
    seconds = {}
    for name, (strategy, options) in {**field, **mine}.items():
        curves = [_simulated(track, name, strategy, options, seed) for seed in range(seeds)]
        areas[name] = np.array([_area(curve) for curve in curves])
        seconds[name] = float(np.mean([curve.seconds[1:, 0].mean() for curve in curves]))
    memory = {name: _memory(*entry) for name, entry in {**field, **mine}.items()}
    rows = []
    for name, own in areas.items():
        differences = [_difference(own - areas[rival]) for rival in ("random", "badge")]
        cost = [f"{1000 * seconds[name]:.1f}", f"{memory[name]:.1f}"]
        rows.append([name, f"{100 * own.mean():.1f}", *differences, *cost])
    return text_table(["strategy", "AULC", "over random", "over badge", "ms a query", "MB a query"], rows)


def _simulated(track: Track, name: str, strategy: Strategy, options: dict[str, Any], seed: int) -> Curve:
    rows = generator("trial", seed).permutation(len(track.labels))[:INITIAL]
    race = Run(
        ips="random",
        strategy=name,
        seed=seed,
        initial=rows,
        entry=strategy,
        options=options,
        batch=BATCH,
        rounds=ROUNDS,
    )
    return simulate(track.cell, lambda picked, _: track.labels[picked], [race])[0]


def _area(curve: Curve) -> float:
    from nofreelunch.evaluation.aulc import aulc

    return float(aulc(curve.labels.astype(np.float64), curve.metrics[:, METRICS.index("accuracy")]))


def _difference(values: Float64Array) -> str:
    if not values.any():
        return "–"
    error = f" ± {100 * values.std(ddof=1) / np.sqrt(len(values)):.1f}" if len(values) > 1 else ""
    return f"{100 * values.mean():+.1f}{error}"


def _memory(strategy: Strategy, options: dict[str, Any]) -> float:
    """The most MB that one query of 2,000 rows holds beside its request."""
    query = typical(n=2000, d=64, classes=15, labelled=100, batch=BATCH)
    tracemalloc.start()
    try:
        strategy.select(query, **options)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
