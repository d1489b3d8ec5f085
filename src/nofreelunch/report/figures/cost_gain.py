"""What a strategy costs in seconds per query beside what it gains over random querying."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from nofreelunch.report.figures import style


def draw(cost: pd.DataFrame) -> Figure:
    """A large point per strategy, the mean over embedders; small ones are the embedders.

    Args:
        cost: `evaluation.cost.cost`.
    """
    strategies = style.names(cost["strategy"])
    width, height = 7.0, 4.2
    with style.styled():
        figure = style.figure(width, height)
        axes = figure.add_axes((0.65 / width, 0.5 / height, (width - 2.0) / width, (height - 1.3) / height))
        axes.axhline(0, color=style.MUTED, lw=0.8)
        axes.set_xscale("log")
        ends = []
        for name in strategies:
            own, colour = cost[cost["strategy"] == name], style.look(name).colour
            seconds = own["query_seconds"].clip(lower=1e-5).to_numpy(dtype=np.float64)
            gains = 100 * own["gain"].to_numpy(dtype=np.float64)
            axes.plot(seconds, gains, "o", color=colour, ms=3, alpha=0.5, mew=0)
            middle = float(np.exp(np.log(seconds).mean()))
            axes.plot(middle, gains.mean(), "o", color=colour, ms=8, mec="white")
            ends.append((float(gains.mean()), middle, style.words(name), colour))
        axes.margins(x=0.08, y=0.1)
        few_decades = cost["query_seconds"].max() < 100 * cost["query_seconds"].min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,), numticks=12))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(LogLocator(subs=()))
        axes.set_xlabel("seconds of one core per query, log scale")
        axes.set_ylabel("gain in AULC over random, points")
        style.label_points(axes, ends)
        note = "Large: mean over embedders of a strategy; small: each embedder. Means over tasks, pools and seeds."
        style.headline(figure, "Cost of a query and gain", note)
    return figure
