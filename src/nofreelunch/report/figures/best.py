"""Which strategy is best where: datasets down, embedders across, a panel per pool selection."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nofreelunch.report.figures import style

_LEFT, _TOP, _BESIDE = 1.2, 1.05, 0.2
_CELL = (1.1, 0.4)
# Letters times points of what fits into a cell.
_LETTERS = 116


def draw(ranks: pd.DataFrame, metric: str = "accuracy", known: style.Marks = style.NO_MARKS) -> Figure:
    """The strategy with the highest AULC in every cell, in its colour, with its gain over random querying.

    Of strategies that pick the same rows it is the first.

    Args:
        ranks: `evaluation.wins.ranks`.
        metric: which metric.
        known: `style.marks`.
    """
    part = ranks[(ranks["metric"] == metric) & (ranks["clone_of"] == "")]
    datasets, embedders, pools = (style.names(part[name]) for name in ("dataset", "embedder", "ips"))
    seen = style.seen_note(datasets, embedders, known)
    wide, high = len(embedders) * _CELL[0], len(datasets) * _CELL[1]
    between = 0.6 + 0.02 * max(map(len, embedders))
    width, height = max(_LEFT + wide + _BESIDE, 6.4), _TOP + len(pools) * (high + between) - 0.1
    with style.styled():
        figure = style.figure(width, height)
        for k, ips in enumerate(pools):
            bottom = 1 - (_TOP + k * (high + between) + high) / height
            axes = figure.add_axes((_LEFT / width, bottom, wide / width, high / height))
            _panel(axes, part[part["ips"] == ips], datasets, embedders, known)
            axes.set_title(f"{style.words(ips)} initial pool", weight="bold", loc="left")
        note = "The strategy with the highest AULC, and the points it gains over random querying; mean over seeds."
        style.headline(
            figure, f"Best strategy in every cell, {style.words(metric)}", f"{note}\n{seen}" if seen else note
        )
    return figure


def _panel(axes: Axes, part: pd.DataFrame, datasets: list[str], embedders: list[str], known: style.Marks) -> None:
    best = part.sort_values("aulc", ascending=False, kind="stable").drop_duplicates(["dataset", "embedder"])
    for row in best[["dataset", "embedder", "strategy", "gain"]].itertuples(index=False):
        i, j = datasets.index(str(row.dataset)), embedders.index(str(row.embedder))
        colour = style.look(str(row.strategy)).colour
        axes.add_patch(Rectangle((j - 0.48, i - 0.46), 0.96, 0.92, facecolor=colour, lw=0))
        ink: dict[str, Any] = {"color": style.ink_on(to_rgb(colour)), "ha": "center", "va": "center"}
        name = style.words(str(row.strategy))
        axes.text(j, i - 0.2, name, size=min(7.5, _LETTERS / len(name)), weight="bold", **ink)
        mark = style.marked("", str(row.dataset), known, str(row.embedder))
        axes.text(j, i + 0.22, f"{100 * row.gain:+.1f}{mark}".replace("-", "−"), size=7, **ink)
    axes.set_xlim(-0.5, len(embedders) - 0.5)
    axes.set_ylim(len(datasets) - 0.5, -0.5)
    lean: dict[str, Any] = {"rotation": 20, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(np.arange(len(embedders)), [style.words(name) for name in embedders], **lean)
    axes.set_yticks(np.arange(len(datasets)), [style.words(name) for name in datasets])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
