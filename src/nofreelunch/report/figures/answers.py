"""The grid's three answers in one picture: which embedder, which start, which query strategy."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nofreelunch.base.words import counted
from nofreelunch.evaluation.answers import effects
from nofreelunch.report.figures import embedders, style

_TOP, _BOTTOM, _LEFT, _NAMES, _BESIDE = 0.95, 0.5, 0.6, 0.7, 1.3
_CURVES, _GAINS, _ROW, _LEAST = 2.9, 2.1, 0.2, 1.9


def draw(aulc: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """Curves of the embedders, and what each start and each strategy gains over random, over tasks.

    Args:
        aulc: `evaluation.aulc.run_areas`.
        curves: `evaluation.curves.curves`.
    """
    starts, strategies = effects(aulc, "ips", "initial"), effects(aulc, "strategy", "aulc")
    rows = max(len(starts), len(strategies), 1)
    high = max(_LEAST, _ROW * rows + 0.3)
    width = _LEFT + _CURVES + _NAMES + 2 * (_BESIDE + _GAINS) + 0.2
    height = _TOP + high + _BOTTOM
    tasks = len(style.names(aulc["dataset"]))
    with style.styled():
        figure = style.figure(width, height)

        def axes(left: float, wide: float, title: str) -> Axes:
            made = figure.add_axes((left / width, _BOTTOM / height, wide / width, high / height))
            made.set_title(title, weight="bold", loc="left")
            return made

        _curves(axes(_LEFT, _CURVES, "Which embedder?"), curves[curves["metric"] == "accuracy"])
        left = _LEFT + _CURVES + _NAMES + _BESIDE
        _gains(axes(left, _GAINS, "Which start?"), starts, rows, "gain at the first round, points")
        _gains(axes(left + _GAINS + _BESIDE, _GAINS, "Which strategy?"), strategies, rows, "gain in AULC, points")
        note = f"Left: mean over {counted(tasks, 'task')}, initial pools, strategies and seeds. "
        note += "Right: gain over random, mean over tasks with its 95 % interval."
        style.headline(figure, "Which embedder, which start, which strategy", note)
    return figure


def _curves(axes: Axes, table: pd.DataFrame) -> None:
    order = embedders.best_first(table)
    shades = embedders.shades(order)
    # Tasks with other budgets meet at the same share of theirs.
    last = table.groupby("dataset", observed=True)["round"].transform("max")
    means = table.assign(share=(100 * table["round"] / last.clip(lower=1)).round(6))
    means = means.groupby(["dataset", "embedder", "share"], observed=True)["mean"].mean()
    lines = means.groupby(["embedder", "share"], observed=True).mean()
    ends = []
    for name in order:
        line = lines.loc[name]
        axes.plot(line.index.to_numpy(dtype=np.float64), 100 * line.to_numpy(), color=shades[name], lw=1.6)
        ends.append((100 * float(line.iloc[-1]), style.words(name), shades[name]))
    axes.margins(x=0.02)
    axes.set_xlabel("share of the budget, %")
    axes.set_ylabel("accuracy, points")
    style.label_ends(axes, ends)


def _gains(axes: Axes, table: pd.DataFrame, rows: int, label: str) -> None:
    if table.empty:
        axes.text(0.5, 0.5, "nothing to compare", transform=axes.transAxes, ha="center", color=style.MUTED)
        axes.set_axis_off()
        return
    axes.axvline(0, color=style.MUTED, lw=0.8)
    for place, row in enumerate(table[["name", "mean", "lo", "hi"]].itertuples(index=False)):
        colour = style.look(str(row.name)).colour
        if np.isfinite(row.lo):
            axes.plot([100 * row.lo, 100 * row.hi], [place, place], color=colour, lw=2, alpha=0.5)
        axes.plot(100 * row.mean, place, "o", color=colour, ms=5)
    axes.set_yticks(range(len(table)), [style.words(str(name)) for name in table["name"]])
    axes.set_ylim(rows - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.08)
    axes.set_xlabel(label)
