"""Learning curves with embedders as lines: by far the largest effect of the grid."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nofreelunch.report.figures import style

_LEFT, _TOP, _BOTTOM, _NAMES, _BETWEEN = 0.6, 0.6, 0.55, 1.25, 0.5
_PANEL = (2.5, 1.7)


def shades(embedders: list[str]) -> dict[str, str]:
    """A colour for each of ``embedders``, the first is the darkest."""
    last = max(len(embedders) - 1, 1)
    return {name: to_hex(colormaps["viridis"](0.85 * place / last)) for place, name in enumerate(embedders)}


def best_first(curves: pd.DataFrame) -> list[str]:
    """Embedders by mean accuracy over all points of ``curves``, each task counting alike."""
    means = curves.groupby(["dataset", "embedder"], observed=True)["mean"].mean().groupby("embedder", observed=True)
    return [str(name) for name in means.mean().sort_values(ascending=False, kind="stable").index]


def draw(curves: pd.DataFrame, metric: str = "accuracy", known: style.Marks = style.NO_MARKS) -> Figure:
    """A panel per task and a line per embedder, averaged over pools, strategies and seeds.

    Args:
        curves: `evaluation.curves.curves`.
        metric: which metric.
        known: `style.marks`.
    """
    part = curves[curves["metric"] == metric]
    datasets, order = style.names(part["dataset"]), best_first(part)
    across = min(2 if len(datasets) <= 4 else 3, len(datasets))
    down = -(-len(datasets) // across)
    width = max(_LEFT + across * (_PANEL[0] + _NAMES) + 0.1, 6.4)
    height = _TOP + down * (_PANEL[1] + _BETWEEN) - _BETWEEN + 0.25 + _BOTTOM
    colours = shades(order)
    with style.styled():
        figure = style.figure(width, height)
        for k, dataset in enumerate(datasets):
            i, j = divmod(k, across)
            left = (_LEFT + j * (_PANEL[0] + _NAMES)) / width
            bottom = 1 - (_TOP + 0.2 + i * (_PANEL[1] + _BETWEEN) + _PANEL[1]) / height
            axes = figure.add_axes((left, bottom, _PANEL[0] / width, _PANEL[1] / height))
            means = part[part["dataset"] == dataset].groupby(["embedder", "labels"], observed=True)["mean"].mean()
            lines = {name: means.loc[name] for name in order if name in means.index.get_level_values(0)}
            mark = {name: style.marked(name, dataset, known) for name in lines}
            _panel(axes, lines, colours, mark)
            axes.set_title(style.words(dataset), weight="bold", loc="left")
            if j == 0:
                axes.set_ylabel(f"{style.words(metric)}, points")
        figure.supxlabel("labels", size=8, y=0.12 / height)
        seen = style.seen_note(datasets, order, known)
        note = "Mean over initial pools, strategies and seeds; embedders from best (dark) to worst."
        style.headline(figure, "Learning curves of the embedders", f"{note} {seen}." if seen else note)
    return figure


def _panel(axes: Axes, lines: "dict[str, pd.Series[float]]", colours: dict[str, str], written: dict[str, str]) -> None:
    for name, line in lines.items():
        axes.plot(line.index.to_numpy(dtype=np.float64), 100 * line.to_numpy(), color=colours[name], lw=1.4)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    ends = [(100 * float(line.iloc[-1]), written[name], colours[name]) for name, line in lines.items()]
    style.label_ends(axes, ends)
