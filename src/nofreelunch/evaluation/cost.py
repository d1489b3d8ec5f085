"""What a strategy costs in seconds, beside what it gains."""

import pandas as pd

from nofreelunch.evaluation.runs import RUN


def cost(seconds: pd.DataFrame, ranks: pd.DataFrame) -> pd.DataFrame:
    """Seconds per round and per run of each (embedder, strategy), averaged over datasets, pools and seeds.

    Args:
        seconds: `runs.load_seconds`.
        ranks: `wins.ranks`.

    Returns:
        embedder, strategy, query_seconds and fit_seconds (per round; round 0 has no query and counts for
        fitting only), run_seconds (all queries and fits of a run), gain (in mean accuracy AULC over random
        querying).
    """
    keys = ["embedder", "strategy"]
    queries = seconds[seconds["round"] > 0].groupby(keys, observed=True)["query_seconds"].mean()
    fits = seconds.groupby(keys, observed=True)["fit_seconds"].mean()
    runs = seconds.groupby(RUN, observed=True)[["query_seconds", "fit_seconds"]].sum().sum(axis=1)
    gains = ranks[ranks["metric"] == "accuracy"].groupby(keys, observed=True)["gain"].mean()
    table = pd.DataFrame(
        {
            "query_seconds": queries,
            "fit_seconds": fits,
            "run_seconds": runs.groupby(level=keys, observed=True).mean(),
            "gain": gains,
        }
    )
    return table.reset_index()
