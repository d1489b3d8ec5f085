"""Which strategies pay more with better embeddings? Gain over random querying against embedding quality."""

import pandas as pd
from matplotlib.figure import Figure

from nofreelunch.report.figures import quality_panels, style
from nofreelunch.report.figures.quality_panels import Panel

_COLUMNS = 3


def draw(strategy_gains: pd.DataFrame, probes: pd.DataFrame, quality: pd.DataFrame) -> Figure:
    """Gain in AULC over random querying, averaged over pools: a panel per strategy.

    Args:
        strategy_gains: `evaluation.gains.strategy_gains`; not empty.
        probes: `evaluation.runs.load_probes`.
        quality: `evaluation.quality.correlations`.
    """
    part = strategy_gains[strategy_gains["metric"] == "accuracy"]
    means = part.groupby(["strategy", "dataset", "embedder"], observed=True)["mean"].mean().reset_index()
    means = means.assign(lo=means["mean"], hi=means["mean"])
    panels = [
        Panel(style.words(name), f"strategy_gain.{name}", means[means["strategy"] == name])
        for name in style.names(part["strategy"])
    ]
    rows = [panels[first : first + _COLUMNS] for first in range(0, len(panels), _COLUMNS)]
    title = "Gain of a strategy over random querying against embedding quality"
    note = "One point per (dataset, embedder): difference in AULC, mean over pools and seeds."
    return quality_panels.draw(rows, probes, quality, title, note)
