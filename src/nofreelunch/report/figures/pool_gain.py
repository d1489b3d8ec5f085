"""Does a diverse start pay more with better embeddings? Gain of a pool against embedding quality."""

import pandas as pd
from matplotlib.figure import Figure

from nofreelunch.report.figures import quality_panels, style
from nofreelunch.report.figures.quality_panels import Panel

_PHASES = {"initial": "round 0", "early": "early third"}


def draw(pool_gains: pd.DataFrame, probes: pd.DataFrame, quality: pd.DataFrame) -> Figure:
    """Gain over a random pool: a row per pool selection, round 0 and the early third across.

    Args:
        pool_gains: `evaluation.gains.pool_gains`.
        probes: `evaluation.runs.load_probes`.
        quality: `evaluation.quality.correlations`.

    Returns:
        Without a second pool selection, a note that says so.
    """
    part = pool_gains[pool_gains["metric"] == "accuracy"]
    title = "Gain of a diverse start against embedding quality"
    if part.empty:
        with style.styled():
            figure = style.figure(7.0, 1.0)
            style.headline(figure, title, "Needs the pool selection 'random' and at least one other in grid.pools.")
        return figure
    rows = [
        [
            Panel(
                f"{style.words(ips)}, {moment}",
                f"pool_gain.{ips}.{phase}",
                part[(part["ips"] == ips) & (part["phase"] == phase)],
            )
            for phase, moment in _PHASES.items()
        ]
        for ips in style.names(part["ips"])
    ]
    return quality_panels.draw(
        rows, probes, quality, title, "One point per (dataset, embedder), 95 % interval over seeds."
    )
