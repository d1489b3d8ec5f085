"""Gains against embedding quality: small multiples of one point per (dataset, embedder)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nofreelunch.report.figures import style
from nofreelunch.report.figures.embedders import shades

_MARKERS = "osD^vPXph<>*"


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: its first line; the second gives the correlations.
        outcome: as `evaluation.quality.outcomes` names it.
        points: dataset, embedder, mean, lo, hi.
    """

    title: str
    outcome: str
    points: pd.DataFrame


def draw(rows: Sequence[Sequence[Panel]], probes: pd.DataFrame, quality: pd.DataFrame, title: str, note: str) -> Figure:
    """Gains against full-pool probe accuracy; panels of a row share their height.

    Lines join the embedders of a dataset; the dashed line is the least-squares trend.

    Args:
        rows: the panels, all rows equally long but the last.
        probes: `evaluation.runs.load_probes`.
        quality: `evaluation.quality.correlations`, for the titles.
        title: of the figure.
        note: below it, one line.
    """
    embedders, datasets = style.names(probes["embedder"]), style.names(probes["dataset"])
    means = probes.groupby("embedder", observed=True)["accuracy"].mean().sort_values(ascending=False, kind="stable")
    colours = shades([str(name) for name in means.index])
    markers = {name: _MARKERS[k % len(_MARKERS)] for k, name in enumerate(datasets)}
    columns = max(map(len, rows))
    keys = 0.5 + 0.155 * (len(embedders) + len(datasets)) + 0.5
    side = max(1.6, 0.5 + 0.065 * max(map(len, embedders + datasets)))
    width, height = max(0.3 + side + 3.85 * columns, 7.2), max(1.5 + 3.1 * len(rows), 1.1 + keys)
    with style.styled():
        figure = style.figure(width, height)
        note += "\nGrey joins a dataset; dashed: trend. "
        note += "ρ: Spearman's over all points, and its mean over datasets; 95 % bootstrap intervals."
        style.headline(figure, title, note)
        grid = figure.subplots(len(rows), columns, squeeze=False, sharey="row", sharex=True)
        figure.subplots_adjust(
            left=0.65 / width,
            right=1 - side / width,
            top=1 - 1.3 / height,
            bottom=0.5 / height,
            wspace=0.06,
            hspace=0.3,
        )
        for i, row in enumerate(rows):
            for j in range(columns):
                if j >= len(row):
                    grid[i, j].set_visible(False)
                    continue
                points = row[j].points.merge(probes[["dataset", "embedder", "accuracy"]], on=["dataset", "embedder"])
                _panel(grid[i, j], points, colours, markers)
                grid[i, j].set_title(f"{row[j].title}\n{_correlation(quality, row[j].outcome)}", loc="left")
                if i == len(rows) - 1 or j >= len(rows[i + 1]):
                    grid[i, j].set_xlabel("full-pool probe accuracy, points")
                    grid[i, j].tick_params(labelbottom=True)
            grid[i, 0].set_ylabel("gain in accuracy, points")
        _keys(figure, side, colours, markers)
    return figure


def _panel(axes: Axes, points: pd.DataFrame, colours: dict[str, str], markers: dict[str, str]) -> None:
    axes.axhline(0, color=style.MUTED, lw=0.8)
    for dataset, own in points.groupby("dataset", observed=True):
        own = own.sort_values("accuracy")
        axes.plot(100 * own["accuracy"], 100 * own["mean"], color="#c8c8c8", lw=0.7, zorder=1)
        for row in own[["embedder", "accuracy", "mean", "lo", "hi"]].itertuples(index=False):
            shade = colours[str(row.embedder)]
            x = 100 * row.accuracy
            axes.plot([x, x], [100 * row.lo, 100 * row.hi], color=shade, lw=0.8, alpha=0.4, zorder=2)
            axes.plot(
                x,
                100 * row.mean,
                marker=markers[str(dataset)],
                color=shade,
                ms=4.5,
                mec="white",
                mew=0.4,
                zorder=3,
            )
    x, y = 100 * points["accuracy"].to_numpy(), 100 * points["mean"].to_numpy()
    if np.ptp(x) > 0:
        slope, height = np.polyfit(x, y, 1)
        ends = np.array([x.min(), x.max()])
        axes.plot(ends, slope * ends + height, color=style.INK, lw=1, ls=(0, (4, 2)), zorder=2)


def _correlation(quality: pd.DataFrame, outcome: str) -> str:
    rows = quality[(quality["outcome"] == outcome) & (quality["measure"] == "probe_accuracy")].set_index("level")
    if rows.empty or not np.isfinite(rows.loc["pooled", "spearman"]):
        return "no correlation to give"
    text = f"ρ = {_interval(rows.loc['pooled'])}"
    if np.isfinite(rows.loc["within", "spearman"]):
        text += f"\nwithin datasets {_interval(rows.loc['within'])}"
    return text


def _interval(row: "pd.Series[float]") -> str:
    # Adding 0 turns a rounded −0 into 0.
    rho, lo, hi = (round(row[name], 2) + 0.0 for name in ("spearman", "spearman_lo", "spearman_hi"))
    text = f"{rho:.2f}"
    if np.isfinite(lo):
        text += f" [{lo:.2f}, {hi:.2f}]"
    return text.replace("-", "−")


def _keys(figure: Figure, side: float, colours: dict[str, str], markers: dict[str, str]) -> None:
    width, height = figure.get_size_inches()
    colour = [
        Line2D([], [], marker="o", ls="", ms=6, color=shade, label=style.words(name)) for name, shade in colours.items()
    ]
    shape = [
        Line2D([], [], marker=marker, ls="", ms=5, color=style.MUTED, label=style.words(name))
        for name, marker in markers.items()
    ]
    left, top = 1 - (side - 0.05) / width, 1 - 1.05 / height
    both: dict[str, Any] = {
        "loc": "upper left",
        "fontsize": 7.5,
        "title_fontsize": 7.5,
        "alignment": "left",
        "handletextpad": 0.2,
    }
    figure.legend(handles=colour, title="embedder, best first", bbox_to_anchor=(left, top), **both)
    below = top - (0.35 + 0.155 * len(colour)) / height
    figure.legend(handles=shape, title="dataset", bbox_to_anchor=(left, below), **both)
