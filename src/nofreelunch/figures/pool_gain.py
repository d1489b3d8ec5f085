"""Does a diverse start pay more with better embeddings? Gain of a pool against embedding quality."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nofreelunch.figures import style

_PHASES = {"initial": "round 0", "early": "early third"}
_MARKERS = "osD^vPXph<>*"


def draw(pool_gains: pd.DataFrame, probes: pd.DataFrame, quality: pd.DataFrame) -> Figure:
    """Gain over a random pool against full-pool probe accuracy, one point per (dataset, embedder).

    Args:
        pool_gains: `evaluation.gains.pool_gains`.
        probes: `evaluation.runs.load_probes`.
        quality: `evaluation.quality.correlations`, for the titles.

    Returns:
        A row per pool selection, round 0 and the early third across. Lines join the embedders of a dataset;
        the dashed line is the least-squares trend. Without a second pool selection, a note that says so.
    """
    part = pool_gains[(pool_gains["metric"] == "accuracy") & pool_gains["phase"].isin(list(_PHASES))]
    pools = style.names(part["ips"])
    embedders = style.names(probes["embedder"])
    order = probes.groupby("embedder", observed=True)["accuracy"].mean().sort_values(kind="stable").index
    shades = {
        str(name): to_hex(colormaps["viridis"](0.85 * place / max(len(embedders) - 1, 1)))
        for place, name in enumerate(order)
    }
    markers = {name: _MARKERS[k % len(_MARKERS)] for k, name in enumerate(style.names(probes["dataset"]))}
    width, height = 9.6, 1.35 + 3.0 * max(len(pools), 1)
    with style.styled():
        figure = style.figure(width, height)
        title = "Gain of a diverse start against embedding quality"
        if not pools:
            style.headline(figure, title, "Needs the pool selection 'random' and at least one other in grid.pools.")
            return figure
        note = "One point per (dataset, embedder), 95 % interval over seeds. Grey joins a dataset; dashed: trend.\n"
        note += "ρ: Spearman's correlation over all points, and its mean over datasets; 95 % bootstrap intervals."
        style.headline(figure, title, note)
        grid = figure.subplots(len(pools), 2, squeeze=False, sharey="row", sharex=True)
        figure.subplots_adjust(
            left=0.65 / width,
            right=1 - 1.6 / width,
            top=1 - 1.15 / height,
            bottom=0.5 / height,
            wspace=0.06,
            hspace=0.22,
        )
        for i, ips in enumerate(pools):
            for j, (phase, moment) in enumerate(_PHASES.items()):
                points = part[(part["ips"] == ips) & (part["phase"] == phase)]
                points = points.merge(probes[["dataset", "embedder", "accuracy"]], on=["dataset", "embedder"])
                _panel(grid[i, j], points, shades, markers)
                found = _correlation(quality, f"pool_gain.{ips}.{phase}")
                grid[i, j].set_title(f"{style.words(ips)}, {moment}\n{found}", loc="left")
            grid[i, 0].set_ylabel("gain in accuracy, points")
        for axes in grid[-1]:
            axes.set_xlabel("full-pool probe accuracy, %")
        _keys(figure, [str(name) for name in order][::-1], shades, markers)
    return figure


def _panel(axes: Axes, points: pd.DataFrame, shades: dict[str, str], markers: dict[str, str]) -> None:
    axes.axhline(0, color=style.MUTED, lw=0.8)
    for dataset, own in points.groupby("dataset", observed=True):
        own = own.sort_values("accuracy")
        axes.plot(100 * own["accuracy"], 100 * own["mean"], color="#c8c8c8", lw=0.7, zorder=1)
        for row in own[["embedder", "accuracy", "mean", "lo", "hi"]].itertuples(index=False):
            shade = shades[str(row.embedder)]
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
        text += f"; within datasets {_interval(rows.loc['within'])}"
    return text


def _interval(row: "pd.Series[float]") -> str:
    # Adding 0 turns a rounded −0 into 0.
    rho, lo, hi = (round(row[name], 2) + 0.0 for name in ("spearman", "spearman_lo", "spearman_hi"))
    text = f"{rho:.2f}"
    if np.isfinite(lo):
        text += f" [{lo:.2f}, {hi:.2f}]"
    return text.replace("-", "−")


def _keys(figure: Figure, embedders: list[str], shades: dict[str, str], markers: dict[str, str]) -> None:
    width, height = figure.get_size_inches()
    colour = [
        Line2D([], [], marker="o", ls="", ms=6, color=shades[name], label=style.words(name)) for name in embedders
    ]
    shape = [
        Line2D([], [], marker=marker, ls="", ms=5, color=style.MUTED, label=style.words(name))
        for name, marker in markers.items()
    ]
    left, top = 1 - 1.55 / width, 1 - 1.05 / height
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
