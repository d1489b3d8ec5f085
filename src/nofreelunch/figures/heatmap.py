"""Heat maps with numbers: strategies down, embedders across, one panel per dataset; AULC or ranks."""

from math import ceil
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from nofreelunch.figures import style

Shown = Literal["aulc", "rank"]
_LEFT, _TOP, _BESIDE = 1.15, 0.95, 0.2
_CELL = (0.44, 0.24)


def draw(ranks: pd.DataFrame, shown: Shown, metric: str = "accuracy") -> Figure:
    """Every strategy in every (dataset, embedder), averaged over pools; the best of a column is bold.

    Args:
        ranks: `evaluation.wins.ranks`.
        shown: 'aulc' writes 100 × AULC and colours the gain over random querying; 'rank' writes and colours
            the mean rank.
        metric: which metric.
    """
    part = ranks[ranks["metric"] == metric]
    datasets, embedders = style.names(part["dataset"]), style.names(part["embedder"])
    strategies = style.names(part["strategy"])
    across = min(len(datasets), max(2, round(16 / (len(embedders) * _CELL[0] + _BESIDE))), 5)
    down = ceil(len(datasets) / across)
    between = 0.45 + 0.034 * max(map(len, embedders))
    wide, high = len(embedders) * _CELL[0], len(strategies) * _CELL[1]
    width = max(_LEFT + across * (wide + _BESIDE) + 0.1, 7.0)
    height = _TOP + down * (high + between)
    colours = _colours(part, shown, len(strategies))
    with style.styled():
        figure = style.figure(width, height)
        for k, dataset in enumerate(datasets):
            i, j = divmod(k, across)
            bottom = 1 - (_TOP + i * (high + between) + high) / height
            place = ((_LEFT + j * (wide + _BESIDE)) / width, bottom, wide / width, high / height)
            axes = figure.add_axes(place)
            table = part[part["dataset"] == dataset]
            _panel(axes, table, shown, colours)
            axes.set_title(style.words(dataset), weight="bold")
            lean: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(range(len(embedders)), [style.words(name) for name in embedders], **lean)
            axes.set_yticks(range(len(strategies)), [style.words(name) for name in strategies])
            axes.tick_params(length=0, labelleft=j == 0)
        title, note = _TEXT[shown]
        note = note.format(100 * (colours[1].vmax or 0))
        style.headline(figure, title.format(style.words(metric)), note)
    return figure


_TEXT = {
    "aulc": (
        "Area under the learning curve, {}",
        "Numbers: 100 × AULC, mean over pools and seeds; bold: best of its column.\n"
        "Colour: gain over random querying, orange above and purple below it, full at {:.1f} points.",
    ),
    "rank": (
        "Rank of each strategy by AULC, {}",
        "Mean rank over pools, 1 = best; bold: best of its column. Colour: the same, dark = better.",
    ),
}


def _colours(part: pd.DataFrame, shown: Shown, strategies: int) -> tuple[Colormap, Normalize]:
    if shown == "rank":
        return style.BEST_IS_DARK, Normalize(1, max(strategies, 2))
    reach = max(float(part["gain"].abs().max()), 1e-4)
    return style.DIVERGING, Normalize(-reach, reach)


def _panel(axes: Axes, table: pd.DataFrame, shown: Shown, colours: tuple[Colormap, Normalize]) -> None:
    numbers = _matrix(table, shown)
    painted = _matrix(table, "gain" if shown == "aulc" else "rank")
    best = numbers.max(axis=0) if shown == "aulc" else numbers.min(axis=0)
    scale, norm = colours
    axes.imshow(painted, cmap=scale, norm=norm, aspect="auto")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(numbers):
        ink = style.ink_on(scale(norm(painted[i, j])))
        text = f"{100 * value:.1f}" if shown == "aulc" else f"{value:.1f}"
        axes.text(
            j,
            i,
            text,
            ha="center",
            va="center",
            size=7,
            color=ink,
            weight="bold" if value == best[j] else "normal",
        )


def _matrix(table: pd.DataFrame, column: str) -> npt.NDArray[np.float64]:
    means = table.groupby(["strategy", "embedder"], observed=True)[column].mean()
    return means.unstack("embedder").to_numpy(dtype=np.float64)  # type: ignore[no-any-return]
