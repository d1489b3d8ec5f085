"""What each strategy gains over random querying as labels grow, one figure per pool selection."""

import pandas as pd
from matplotlib.figure import Figure

from nofreelunch.report.figures import panels, style


def draw(differences: pd.DataFrame, ips: str, metric: str = "accuracy", known: style.Marks = style.NO_MARKS) -> Figure:
    """Differences to random querying, paired by seed, in every (dataset, embedder).

    Args:
        differences: `evaluation.curves.differences`.
        ips: which pool selection.
        metric: which metric.
        known: `style.marks`.
    """
    part = differences[(differences["ips"] == ips) & (differences["metric"] == metric)]
    text = panels.Text(
        title=f"Gain over random querying from a {style.words(ips)} initial pool",
        note="Mean difference of runs with the same seed and its 95 % interval; above 0 is better.",
        y_label=f"{style.words(metric)}, points",
        zero=True,
    )
    return panels.lines(part, text, known)
