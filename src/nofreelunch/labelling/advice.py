"""Where to start and what to ask next: what the benchmark's evidence recommends for these texts, and how sure it is."""

from dataclasses import dataclass

import numpy as np

from nofreelunch.base.arrays import Float64Array, FloatArray
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.provenance import code_digest
from nofreelunch.base.storage import Memo, digest
from nofreelunch.cells.diagnostics import LABEL_FREE, diagnose
from nofreelunch.evaluation.arms import DEFAULTS
from nofreelunch.evaluation.recommendation import FEWEST_TASKS, recommend
from nofreelunch.evaluation.told import read_evidence
from nofreelunch.labelling.batch import Way
from nofreelunch.params import Params
from nofreelunch.selection import pools, strategies
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.strategies import STRATEGIES

# Fewer texts than so many have no diagnostics worth the name.
FEWEST_TEXTS = 100


@dataclass(frozen=True)
class Advice:
    """What to take.

    Attributes:
        start: the pool selection.
        strategy: the query strategy.
        reason: why these, and how sure that is, in sentences.
        random_may_do: that drawing at random is not surely worse, in a sentence; "" where it is, or is not known.
    """

    start: Way
    strategy: Way
    reason: str
    random_may_do: str = ""


def advise(vectors: FloatArray, start: str | None, strategy: str | None, params: Params, memo: Memo) -> Advice:
    """The start and the strategy for texts with these ``vectors`` ((n, d)); those that are named are taken.

    Raises:
        UserError: a name is unknown, or the evidence cannot be read.
    """
    ways = (None if start is None else start_way(start, params), strategy and strategy_way(strategy, params))
    if ways[0] and ways[1]:
        return Advice(ways[0], ways[1], f"Start {ways[0].name} and strategy {ways[1].name} are your choice.")
    arm, reason, doubt = _recommended(vectors, params, memo)
    chosen = [name for name, given in (("start", start), ("strategy", strategy)) if given]
    if chosen:
        reason += f" The {chosen[0]} is your choice."
        doubt = ""
    return Advice(ways[0] or start_way(arm[0], params), ways[1] or strategy_way(arm[1], params), reason, doubt)


def start_way(name: str, params: Params) -> Way:
    """The pool selection of that name.

    Raises:
        UserError: there is none.
    """
    if name in params.pools:
        return Way(name, *pools.parts(params.pools[name]))
    if name not in POOLS:
        raise UserError(unknown("start", name, {*POOLS, *params.pools}))
    return Way(name, POOLS[name])


def strategy_way(name: str, params: Params) -> Way:
    """The query strategy of that name.

    Raises:
        UserError: there is none, or it needs the true labels.
    """
    if name in params.strategies:
        strategy, options, _ = strategies.parts(params.strategies[name])
    elif name in STRATEGIES:
        strategy, options = STRATEGIES[name], {}
    else:
        raise UserError(unknown("strategy", name, {*STRATEGIES, *params.strategies} - {"oracle"}))
    if strategy.uses_truth:
        raise UserError(f"strategy '{name}' needs the true labels, which are what you are about to find out.")
    return Way(name, strategy.select, options)


def _recommended(vectors: FloatArray, params: Params, memo: Memo) -> tuple[tuple[str, str], str, str]:
    if len(vectors) < FEWEST_TEXTS:
        return _default(f"fewer than {FEWEST_TEXTS} texts are too few to be compared with the benchmark's")
    try:
        _, arms = read_evidence(None)
    except UserError:
        return _default("no evidence of the benchmark is at hand ('dvc repro' makes it)")
    budgets = sorted(map(int, arms["budget"].unique()))
    budget = budgets[len(budgets) // 2]
    advised = recommend(arms, _diagnostics(vectors, memo), budget)
    test, count = advised.decision.test, len(advised.tasks)
    span = f"95 % from {_points(test.lo)} to {_points(test.hi)}"
    if advised.decision.leaves:
        how = f"chosen so on tasks left out, it gained {_points(test.estimate)} points over the default ({span})"
    elif count < FEWEST_TASKS:
        how = f"the default, fixed beforehand: {count} tasks cannot say that something else is better"
    else:
        how = (
            f"the default, fixed beforehand: what the diagnostics would choose instead gained "
            f"{_points(test.estimate)} points over it on tasks left out ({span}), which is not sure enough"
        )
    reason = (
        f"Start {advised.arm[0]}, then {advised.arm[1]}, as the benchmark recommends: {how} ({count} tasks, "
        f"{budget} labels)."
    )
    table = advised.arms.set_index(["ips", "strategy"])
    doubt = ""
    if ("random", "random") in table.index and not advised.decision.leaves:
        row = table.loc[("random", "random")]
        if not row["hi"] < 0:
            span = f"95 % from {_points(row['lo'])} to {_points(row['hi'])}"
            doubt = (
                f"On the benchmark's tasks, drawing at random instead changed accuracy by {_points(row['mean'])} "
                f"points ({span}): it may do as well here."
            )
    return advised.arm, reason, doubt


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _default(why: str) -> tuple[tuple[str, str], str, str]:
    start, strategy = DEFAULTS[0]
    return (start, strategy), f"Start {start}, then {strategy}, the default: {why}.", ""


def _diagnostics(vectors: FloatArray, memo: Memo) -> dict[str, float]:
    key = digest("diagnostics of own texts", vectors, code_digest("nofreelunch.cells.diagnostics"))

    def compute() -> dict[str, Float64Array]:
        found = diagnose(vectors, None)
        return {name: np.array([found[name]]) for name in LABEL_FREE}

    return {name: float(value[0]) for name, value in memo.once(key, compute).items()}
