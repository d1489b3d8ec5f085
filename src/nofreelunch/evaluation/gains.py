"""What a strategy gains over random querying, and a pool selection over a random pool, paired by seed."""

import pandas as pd

from nofreelunch.evaluation.aulc import PHASES
from nofreelunch.evaluation.intervals import mean_interval, paired_difference
from nofreelunch.evaluation.runs import BASELINE, CELL, FACTORS, RUN


def strategy_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Gain in AULC of each strategy over random querying from the same pool with the same seed.

    Args:
        scores: `aulc.scores`.

    Returns:
        metric, dataset, embedder, ips, strategy, n (seeds), mean, lo, hi (95 % t-interval over seeds); random
        querying has no rows.
    """
    gain = paired_difference(scores, "strategy", BASELINE, ["metric", *RUN], ["aulc"])
    return mean_interval(gain, ["metric", *FACTORS], "aulc")


def pool_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Gain of each pool selection over a random pool of the same seed, averaged over strategies.

    Args:
        scores: `aulc.scores`.

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
