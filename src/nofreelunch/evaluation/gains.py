"""What a strategy gains over random querying, and a pool selection over a random pool, paired by seed."""

import pandas as pd

from nofreelunch.evaluation.aulc import PHASES
from nofreelunch.evaluation.intervals import mean_interval, paired_difference
from nofreelunch.evaluation.runs import BASELINE, CELL, FACTORS, RUN
from nofreelunch.evaluation.table import EMBEDDER, METRIC, POOL, SEEN, STRATEGY, TASK, Column, Table, interval

STRATEGY_GAINS = Table(
    "strategy_gains",
    "Gain of a strategy over random querying",
    "A row is the gain in AULC of a strategy in a cell, paired by seed, with its 95 % interval.",
    (TASK, EMBEDDER, SEEN, POOL, STRATEGY, METRIC, *interval("mean", "gain", "gain"), Column("n", "seeds", "count")),
    shown=False,
)
POOL_GAINS = Table(
    "pool_gains",
    "Gain of a pool selection over a random pool",
    "A row is the gain in accuracy in a phase of learning, averaged over strategies and paired by seed, with its 95 % "
    "interval.",
    (
        *(TASK, EMBEDDER, SEEN, POOL, Column("phase", "phase"), METRIC),
        *interval("mean", "gain", "gain"),
        Column("n", "seeds", "count"),
    ),
    "Phases: round 0 (initial), the early, middle and late third of the labels, the last round (final).",
)


def strategy_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Gain in AULC of each strategy over random querying from the same pool with the same seed.

    Args:
        scores: `aulc.run_areas`.

    Returns:
        metric, dataset, embedder, ips, strategy, n (seeds), mean, lo, hi (95 % t-interval over seeds); random
        querying has no rows.
    """
    gain = paired_difference(scores, "strategy", BASELINE, ["metric", *RUN], ["aulc"])
    return mean_interval(gain, ["metric", *FACTORS], "aulc")


def pool_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Gain of each pool selection over a random pool of the same seed, averaged over strategies.

    Args:
        scores: `aulc.run_areas`.

    Returns:
        metric, dataset, embedder, ips, phase (round 0 = initial; the early, middle and late third; the last
        round = final), n (seeds), mean, lo, hi (95 % t-interval over seeds). No rows without random pools.
    """
    gain = paired_difference(scores, "ips", BASELINE, ["metric", *RUN], PHASES)
    keys = ["metric", *CELL]
    seeds = gain.groupby([*keys, "seed"], observed=True)[PHASES].mean().reset_index()
    long = seeds.melt([*keys, "seed"], PHASES, var_name="phase")
    long["phase"] = pd.Categorical(long["phase"], categories=PHASES)
    return mean_interval(long, [*keys, "phase"], "value")
