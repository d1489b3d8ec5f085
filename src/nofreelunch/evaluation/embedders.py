"""One row for each embedder: how good it is, what a start and a strategy gain with it, and what it costs."""

import numpy as np
import pandas as pd

from nofreelunch.base.registry import Known
from nofreelunch.evaluation.intervals import mean_interval
from nofreelunch.evaluation.runs import BASELINE
from nofreelunch.evaluation.table import EMBEDDER, Column, Table, interval

EMBEDDERS = Table(
    "embedders",
    "Embedders compared",
    "A row is an embedder, mean over tasks, pools, strategies and seeds; the best stands first.",
    (
        EMBEDDER,
        *interval("aulc", "AULC", "points"),
        Column("initial", "round 0", "points"),
        Column("final", "final", "points"),
        Column("probe", "full pool", "points"),
        Column("mteb", "MTEB", "number"),
        Column("start.*", "gain of a * start", "gain"),
        Column("strategy.*", "gain of *", "gain"),
        Column("weights", "weights a token, millions", "number"),
        Column("tasks", "tasks", "count"),
    ),
    "AULC with its 95 % interval over tasks, which is wide because tasks differ; the first answer compares embedders "
    "task by task. A start gains over a random pool at round 0, a strategy over random querying in AULC. Weights: what "
    "each token is multiplied with, which the cost of embedding goes with; – where not known.",
)


def embedders(aulc: pd.DataFrame, pool_gains: pd.DataFrame, ranks: pd.DataFrame, known: Known) -> pd.DataFrame:
    """The embedders of a grid, best first.

    Args:
        aulc: `aulc.run_areas`.
        pool_gains: `gains.pool_gains`.
        ranks: `wins.ranks`.
        known: published facts.

    Returns:
        embedder, tasks, aulc, lo, hi (95 % t-interval over tasks), initial, final, probe, mteb, start.<ips> (gain at
        round 0), strategy.<strategy> (gain in AULC), weights (millions). Accuracy.
    """
    areas, starts, gains = (table[table["metric"] == "accuracy"] for table in (aulc, pool_gains, ranks))
    columns = ["aulc", "initial", "final", "probe"]
    tasks = areas.groupby(["embedder", "dataset"], observed=True)[columns].mean()
    table = tasks.groupby(level="embedder", observed=True).mean()
    spread = mean_interval(tasks["aulc"].reset_index(), ["embedder"], "aulc").set_index("embedder")
    table = table.assign(tasks=spread["n"], lo=spread["lo"].clip(lower=0), hi=spread["hi"].clip(upper=1))
    at_start = starts[starts["phase"] == "initial"]
    queries = gains[gains["strategy"] != BASELINE]
    for prefix, part, factor, column in (("start", at_start, "ips", "mean"), ("strategy", queries, "strategy", "gain")):
        wide = part.groupby(["embedder", factor], observed=True)[column].mean().unstack(factor)
        wide.columns = pd.Index([f"{prefix}.{name}" for name in wide.columns])
        table = table.join(wide)
    facts = {"mteb": known.mteb, "weights": known.weights}
    named = {name: [float(values.get(str(who), np.nan)) for who in table.index] for name, values in facts.items()}
    return table.assign(**named).sort_values("aulc", ascending=False, kind="stable").reset_index()
