"""Mean ranks of the strategies, and which are not told apart by Nemenyi's test (Demšar 2006)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nofreelunch.report.figures import style

_LEFT, _RIGHT, _TOP, _ROW, _BAR = 1.25, 0.5, 0.95, 0.22, 0.13


def draw(mean_ranks: pd.DataFrame, friedman: pd.DataFrame, scope: str = "all") -> Figure:
    """A point per strategy, best first; bars join those whose mean ranks differ by less than the critical difference.

    Args:
        mean_ranks, friedman: `evaluation.significance.friedman_tables`.
        scope: 'all', or an embedder.
    """
    own = mean_ranks[mean_ranks["scope"] == scope].sort_values("mean_rank", kind="stable")
    names, ranks = [str(name) for name in own["strategy"]], own["mean_rank"].to_numpy(dtype=np.float64)
    test = friedman.set_index("scope").loc[scope]
    bars = groups(ranks, float(test["critical_difference"]))
    width = 7.0
    height = _TOP + _ROW * len(names) + _BAR * (len(bars) + 1) + 0.45
    with style.styled():
        figure = style.figure(width, height)
        axes = figure.add_axes(
            (_LEFT / width, 0.45 / height, (width - _LEFT - _RIGHT) / width, (height - _TOP - 0.45) / height)
        )
        for row, (name, rank) in enumerate(zip(names, ranks, strict=True)):
            axes.plot(rank, row, "o", color=style.look(name).colour, ms=7)
            axes.annotate(f"{rank:.2f}", (rank, row), (7, 0), textcoords="offset points", va="center", size=7.5)
        for place, (first, last) in enumerate(bars):
            y = len(names) - 0.4 + place * _BAR / _ROW
            axes.plot([ranks[first], ranks[last]], [y, y], color=style.MUTED, lw=3.5, solid_capstyle="round")
        axes.set_yticks(range(len(names)), [style.words(name) for name in names])
        axes.set_ylim(len(names) - 0.3 + len(bars) * _BAR / _ROW, -0.6)
        axes.set_xlim(1 - 0.05 * len(names), len(names) + 0.05 * len(names))
        axes.set_xticks(range(1, len(names) + 1))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("mean rank by AULC, 1 = best")
        style.headline(figure, f"Mean ranks, {'all embedders' if scope == 'all' else style.words(scope)}", _note(test))
    return figure


def groups(ranks: "np.typing.NDArray[np.float64]", critical: float) -> list[tuple[int, int]]:
    """First and last place of every widest run of ascending ``ranks`` that differ by less than ``critical``."""
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = int(np.flatnonzero(ranks - rank < critical)[-1]) if np.isfinite(critical) else first
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def _note(test: "pd.Series[float]") -> str:
    tasks = f"Ranks of the mean AULC on each of {int(test['tasks'])} task{'' if test['tasks'] == 1 else 's'}."
    critical = test["critical_difference"]
    if not np.isfinite(critical):
        return f"{tasks} One strategy: nothing to compare."
    if critical >= test["largest"]:
        note = f"{tasks} No two can be told apart with so few: Nemenyi's critical\ndifference, {critical:.2f} ranks, "
        note += f"is more than there can be ({test['largest']:.0f})."
    else:
        note = f"{tasks} Bars join strategies that differ by less than Nemenyi's\n"
        note += f"critical difference, {critical:.2f} ranks."
    if np.isfinite(test["p"]):
        p = "< 0.001" if test["p"] < 0.001 else f"= {test['p']:.3f}"
        note += f" Friedman's test that all are equal: p {p}."
    return note
