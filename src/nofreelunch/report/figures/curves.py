"""Learning curves: accuracy against labels, one figure per pool selection."""

import pandas as pd
from matplotlib.figure import Figure

from nofreelunch.report.figures import panels, style


def draw(curves: pd.DataFrame, ips: str, metric: str = "accuracy", known: style.Marks = style.NO_MARKS) -> Figure:
    """Learning curves of every (dataset, embedder) after the pool selection ``ips``.

    Args:
        curves: `evaluation.curves.curves`.
        ips: which pool selection.
        metric: which metric.
        known: `style.marks`.
    """
    part = curves[(curves["ips"] == ips) & (curves["metric"] == metric)]
    text = panels.Text(
        title=f"Learning curves from a {style.words(ips)} initial pool",
        note="Mean over seeds with its 95 % interval. Panels of a row share their axes.",
        y_label=f"{style.words(metric)}, points",
        zero=False,
    )
    return panels.lines(part, text, known)
