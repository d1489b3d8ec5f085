"""The loop replayed on a file whose labels are all known: what a start and a strategy save against random rows.

Each repetition holds out a random third of the file to measure on and takes the rest for the file to be labelled. The
loop is that of the command: an audit share in every batch, from a reserve that no strategy touches; its labels train
the model too and are counted. Random rows need no audit beside them, as all of them are one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, AnyFloatArray, Float64Array, IntArray
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.randomness import generator
from nofreelunch.cells.simulation import Cell, Curve, Run, probe
from nofreelunch.cells.simulation import simulate as advance
from nofreelunch.evaluation.aulc import labels_to
from nofreelunch.heads.scaling import scale
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.query import Query, Start, Strategy
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.geometry import Geometry
from nofreelunch.space.rows import squared_norms

Arm = tuple[str, str]
"""A start and a strategy."""

BASELINE: Arm = ("random", "random")
# The goal: so much of the way from chance to a head that all labels are known to.
SHARE = 0.9
HELD_OUT, MOST_HELD_OUT, LARGEST_POOL = 1 / 3, 2000, 10_000


@dataclass(frozen=True)
class Plan:
    """What every repetition does.

    Attributes:
        batch: labels a call.
        audit: how many of them are the audit's.
        reserve: share of the file that only the audit draws from; 0 with ``audit`` 0.
        most: labels after which a repetition ends, or those of the pool.
        head: the model.
    """

    batch: int
    audit: int
    reserve: float
    most: int
    head: HeadSpec


@dataclass(frozen=True)
class World:
    """One repetition's file.

    Attributes:
        cell: its features, and the held-out rows.
        labels: (n,) of its rows.
        queue: (n,) a random order of its rows, of which the first ``reserved`` are the reserve.
        reserved: rows of the reserve.
        seed: number of the repetition.
    """

    cell: Cell
    labels: IntArray
    queue: IntArray
    reserved: int
    seed: int

    @classmethod
    def of(cls, name: str, features: AnyFloatArray, labels: IntArray, classes: int, seed: int, plan: Plan) -> "World":
        """Repetition ``seed`` on the file ``name`` with these ``features`` ((n, d), raw) and ``labels`` ((n,))."""
        order = generator("replay", name, seed, "held out").permutation(len(features))
        out = min(int(len(features) * HELD_OUT), MOST_HELD_OUT)
        held, kept = order[:out], order[out : out + LARGEST_POOL]
        pool, test = scale(features[kept], features[held], plan.head.scaling, centre=plan.head.centre)
        cell = Cell.of(name, "replay", pool, test, labels[held], classes, plan.head)
        queue = generator("replay", name, seed, "audit").permutation(len(kept))
        return cls(cell, labels[kept], queue, round(plan.reserve * len(kept)), seed)


@dataclass(frozen=True)
class Replay:
    """What came of it.

    Attributes:
        arms: the baseline first.
        labels: (R,) after each batch.
        accuracy: (arms, seeds, R) on held-out rows.
        full, chance: (seeds,) accuracy of a head that knows all labels, and of the most frequent class.
    """

    arms: tuple[Arm, ...]
    labels: IntArray
    accuracy: Float64Array
    full: Float64Array
    chance: Float64Array

    def needed(self, share: float = SHARE) -> Float64Array:
        """(arms, seeds) labels to come ``share`` of the way from chance to full; infinite where they did not do."""
        targets = self.chance + share * (self.full - self.chance)
        return np.stack([labels_to(self.labels.astype(np.float64), values, targets) for values in self.accuracy])

    def table(self, seconds_per_label: float) -> tuple[list[str], list[list[str]]]:
        """Heading and a row for each arm: labels needed (median over seeds), labels and hours saved over random."""
        needed = np.median(self.needed(), axis=1)
        rows = []
        for arm, count in zip(self.arms, needed, strict=True):
            saved = needed[0] - count
            rows.append(
                [
                    " then ".join(arm),
                    f"{count:.0f}" if np.isfinite(count) else f"over {self.labels[-1]}",
                    f"{saved:+.0f}" if np.isfinite(saved) else "–",
                    f"{saved * seconds_per_label / 3600:+.1f}" if np.isfinite(saved) else "–",
                ]
            )
        return ["start and strategy", f"labels to {100 * SHARE:.0f} % of full", "saved", "hours saved"], rows


def simulate(
    name: str,
    features: AnyFloatArray,
    labels: IntArray,
    classes: int,
    arms: Sequence[Arm],
    plan: Plan,
    seeds: int = 10,
) -> Replay:
    """Replay ``arms`` and random rows on a file.

    Args:
        name: the file's, for the random generators.
        features: (n, d), as an embedder gives them.
        labels: (n,) int64, all known.
        classes: C.
        arms: starts and strategies; random rows are added.
        plan: how.
        seeds: repetitions.

    Raises:
        UserError: an arm is unknown, or the file is too small to hold rows out.
    """
    tried = tuple(dict.fromkeys([BASELINE, *arms]))
    for start, strategy in tried:
        if start not in POOLS:
            raise UserError(unknown("start", start, POOLS))
        if strategy not in STRATEGIES or STRATEGIES[strategy].uses_truth:
            raise UserError(unknown("strategy", strategy, [key for key, it in STRATEGIES.items() if not it.uses_truth]))
    rows = len(features) - int(len(features) * HELD_OUT)
    if rows < 2 * plan.batch:
        raise UserError(
            f"a replay needs two batches of {plan.batch} beside the third that is held out; the file has "
            f"{len(features)} labelled rows. Label more, or take a smaller --batch."
        )
    found = [replay(World.of(name, features, labels, classes, seed, plan), tried, plan) for seed in range(seeds)]
    shortest = min(len(curve.labels) for curves, _ in found for curve in curves)
    accuracy = np.array([[curve.metrics[:shortest, 0] for curve in curves] for curves, _ in found])
    ends = np.array([[edge["metrics"][0], edge["chance"][0]] for _, edge in found])
    return Replay(tried, found[0][0][0].labels[:shortest], accuracy.swapaxes(0, 1), ends[:, 0], ends[:, 1])


def replay(world: World, arms: Sequence[Arm], plan: Plan) -> tuple[list[Curve], dict[str, AnyArray]]:
    """The curves of ``arms`` in one repetition, and `simulation.probe` of its file."""
    runs = [run(world, arm, plan) for arm in arms]
    return advance(world.cell, lambda rows, _: world.labels[rows], runs), probe(world.cell, world.labels)


def run(world: World, arm: Arm, plan: Plan) -> Run:
    """The run of ``arm``; that of `BASELINE` takes random rows and no others."""
    start, strategy = arm
    audit = 0 if arm == BASELINE else plan.audit
    entry, rounds = STRATEGIES[strategy], -(-min(plan.most, len(world.labels)) // plan.batch) - 1
    first = _first(world, start, plan.batch, audit)
    if audit:
        entry = replace(entry, select=audited(entry, world, audit))
    return Run(
        ips=start,
        strategy=strategy,
        seed=world.seed,
        initial=first,
        entry=entry,
        batch=plan.batch,
        rounds=rounds,
    )


def audited(strategy: Strategy, world: World, audit: int) -> Callable[..., IntArray]:
    """The next ``audit`` rows of the reserve, then what ``strategy`` takes of the rows outside, knowing no answer of
    the reserve, as `batch.next_batch` does it; either gives way to the other where it has no rows left."""
    reserve = world.queue[: world.reserved]
    outside = np.ones(len(world.labels), bool)
    outside[reserve] = False
    learner = world.cell.learner(world.seed)

    def chosen(query: Query, **options: Any) -> IntArray:
        is_open = np.zeros(len(outside), bool)
        is_open[query.candidates] = True
        waiting = reserve[is_open[reserve]]
        free = query.candidates[outside[query.candidates]]
        count = min(max(audit, query.batch_size - len(free)), len(waiting), query.batch_size)
        known = outside[query.labelled]
        rows, answers = query.labelled[known], query.labels[known]
        view = replace(query, labelled=rows, labels=answers, candidates=free, batch_size=query.batch_size - count)
        if strategy.uses_head:
            head = learner.fit(rows, answers)
            view = replace(view, head=head, scored=head.probabilities(query.features))
        return np.concatenate([waiting[:count], strategy.select(view, **options)])

    return chosen


def _first(world: World, start: str, size: int, audit: int) -> IntArray:
    """The first batch: the audit's rows, then the start's, which knows of the rows outside the reserve alone."""
    if not audit:
        return _started(world, start, np.arange(len(world.labels)), size)
    outside = np.sort(world.queue[world.reserved :])
    audits = world.queue[: min(audit, world.reserved)]
    return np.concatenate([audits, _started(world, start, outside, size - len(audits))])


def _started(world: World, start: str, rows: IntArray, size: int) -> IntArray:
    names = (world.cell.dataset, "replay", start, world.seed)
    features = world.cell.pool[rows]
    geometry = Geometry(features, squared_norms(features), *names)
    order = generator(*names, "order").permutation(len(rows))
    return rows[POOLS[start](Start(geometry, order, size, generator(*names)))]
