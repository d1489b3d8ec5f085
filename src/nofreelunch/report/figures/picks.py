"""Which points each strategy picks first, in the plane of the pool's first two principal components."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nofreelunch.report.figures import style

_LEFT, _TOP, _SIDE, _BESIDE = 0.95, 1.05, 1.25, 0.08
_DRAWN = "#c6c6c6"


def draw(picks: pd.DataFrame, embedder: str) -> Figure:
    """Datasets down, strategies across: the pool in grey, the initial pool as circles, the first batches as dots.

    Args:
        picks: `evaluation.picks.load_picks`.
        embedder: whose it is, for the title.
    """
    datasets = style.names(picks["dataset"])
    strategies = [name for name in style.names(picks["strategy"]) if name]
    width = max(_LEFT + len(strategies) * (_SIDE + _BESIDE) + 0.1, 7.0)
    height = _TOP + len(datasets) * (_SIDE + _BESIDE) + 0.1
    with style.styled():
        figure = style.figure(width, height)
        for i, dataset in enumerate(datasets):
            part = picks[picks["dataset"] == dataset]
            for j, strategy in enumerate(strategies):
                bottom = 1 - (_TOP + i * (_SIDE + _BESIDE) + _SIDE) / height
                place = ((_LEFT + j * (_SIDE + _BESIDE)) / width, bottom, _SIDE / width, _SIDE / height)
                axes = figure.add_axes(place)
                _panel(axes, part, strategy)
                if i == 0:
                    axes.set_title(style.words(strategy))
                if j == 0:
                    axes.set_ylabel(style.words(dataset))
        note = f"The pool of each task embedded by {style.words(embedder)}, first two principal components; one seed."
        style.headline(figure, "Which points each strategy picks first", note)
        _keys(figure, int(picks["round"].max()))
    return figure


def _panel(axes: Axes, part: pd.DataFrame, strategy: str) -> None:
    pool, own = part[part["strategy"] == ""], part[part["strategy"] == strategy]
    start, batches = own[own["round"] == 0], own[own["round"] > 0]
    axes.plot(pool["x"], pool["y"], ".", color=_DRAWN, ms=2, mew=0, rasterized=True)
    axes.plot(start["x"], start["y"], "o", mfc="none", mec=style.INK, mew=0.4, ms=2.6, rasterized=True)
    colour = style.look(strategy).colour
    axes.plot(batches["x"], batches["y"], "o", color=colour, ms=2.2, mew=0, alpha=0.8, rasterized=True)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    axes.margins(0.03)


def _keys(figure: Figure, batches: int) -> None:
    width, height = figure.get_size_inches()
    handles = [
        Line2D([], [], marker=".", ls="", color=_DRAWN, ms=6, label="pool"),
        Line2D([], [], marker="o", ls="", mfc="none", mec=style.INK, mew=0.6, ms=4, label="initial pool"),
        Line2D([], [], marker="o", ls="", color=style.MUTED, ms=4, label=f"first {batches} batches, in its colour"),
    ]
    place = (0.15 / width, 1 - 0.52 / height)
    figure.legend(handles=handles, ncols=3, loc="upper left", bbox_to_anchor=place, fontsize=8, borderaxespad=0)
