"""Heat maps with numbers: strategies down, embedders across, one panel per dataset; AULC, ranks or labels needed."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from nofreelunch.base.arrays import BoolArray, Float64Array
from nofreelunch.evaluation.aulc import SHARES, arrivals
from nofreelunch.report.figures import style

Shown = Literal["aulc", "rank"]
_LEFT, _TOP, _BESIDE = 1.15, 0.95, 0.2
_CELL = (0.44, 0.24)


@dataclass(frozen=True)
class _Panel:
    """The numbers of a dataset: strategies × embedders.

    Attributes:
        numbers: to write; NaN is written as '–'.
        painted: what the colour shows.
        higher: whether the highest of a column is its best.
        same: where a strategy picks the same rows as one above it in all pools; '=' is written.
    """

    numbers: Float64Array
    painted: Float64Array
    higher: bool
    same: BoolArray


def draw(ranks: pd.DataFrame, shown: Shown, metric: str = "accuracy", known: style.Marks = style.NO_MARKS) -> Figure:
    """Every strategy in every (dataset, embedder), averaged over pools; the best of a column is bold.

    Args:
        ranks: `evaluation.wins.ranks`.
        shown: 'aulc' writes AULC in points and colours the gain over random querying; 'rank' writes and colours
            the mean rank.
        metric: which metric.
        known: `style.marks`.
    """
    part = ranks[ranks["metric"] == metric]
    part = part.assign(same=(part["clone_of"] != "").astype(np.float64))
    strategies = len(style.names(part["strategy"]))
    if shown == "rank":
        panels = _panels(part, "rank", "rank", higher=False)
        title = f"Rank of each strategy by AULC, {style.words(metric)}"
        note = "Mean rank over pools, 1 = best; bold: best of its column. Colour: the same, dark = better."
        colours: tuple[Colormap, Normalize] = (style.BEST_IS_DARK, Normalize(1, max(strategies, 2)))
        return _draw(part, panels, colours, title, note, "{:.1f}".format, known)
    panels = _panels(part.assign(aulc=100 * part["aulc"]), "aulc", "gain", higher=True)
    reach = max(float(part["gain"].abs().max()), 1e-4)
    title = f"Area under the learning curve, {style.words(metric)}"
    note = "Numbers: AULC in points, mean over pools and seeds; bold: best of its column.\n"
    note += f"Colour: gain over random querying, orange above and purple below it, full at {100 * reach:.1f} points."
    return _draw(part, panels, (style.DIVERGING, Normalize(-reach, reach)), title, note, "{:.1f}".format, known)


def draw_labels(scores: pd.DataFrame, metric: str = "accuracy", known: style.Marks = style.NO_MARKS) -> Figure:
    """Labels each strategy needs for a share of the way from chance to the full-pool probe, a censored median.

    The share is the highest of `SHARES` that at least half of all runs reach, else the lowest.

    Args:
        scores: `evaluation.aulc.run_areas`.
        metric: which metric.
        known: `style.marks`.

    Returns:
        A number only where more than half of the runs got there; colour shows it beside what random querying needs.
    """
    part = scores[scores["metric"] == metric]
    reached = {share: float(np.isfinite(part[f"labels_to_{share}"].dropna()).mean()) for share in SHARES}
    share = max((share for share in SHARES if reached[share] >= 0.5), default=min(SHARES))
    table = arrivals(part, ["dataset", "embedder", "strategy"])
    table = table.assign(needed=table[f"labels_to_{share}"].replace(np.inf, np.nan))
    random = table[table["strategy"] == "random"].drop(columns="strategy")
    joined = table.merge(random, on=["dataset", "embedder"], suffixes=("", "_random"))
    table = table.assign(saved=np.log2(joined["needed_random"] / joined["needed"]))
    panels = _panels(table, "needed", "saved", higher=False)
    title = f"Labels to come {share} % of the way from chance to the probe, {style.words(metric)}"
    note = "The probe knows the full pool. Median over pools and seeds; bold: fewest of its column;\n"
    note += "–: half of the runs or more never got there, or the probe is at chance.\n"
    note += "Colour: orange fewer than random querying needs, purple more, full at half and twice as many."
    return _draw(table, panels, (style.DIVERGING, Normalize(-1, 1)), title, note, _short, known)


def _short(labels: float) -> str:
    return f"{labels:.0f}" if labels < 1000 else f"{labels / 1000:.1f}k"


def _panels(table: pd.DataFrame, written: str, painted: str, higher: bool) -> dict[str, _Panel]:
    return {
        dataset: _Panel(_matrix(part, written), _matrix(part, painted), higher, _same(part, written))
        for dataset in style.names(table["dataset"])
        for part in [table[table["dataset"] == dataset]]
    }


def _matrix(table: pd.DataFrame, column: str) -> Float64Array:
    means = table.groupby(["strategy", "embedder"], observed=True)[column].mean()
    return means.unstack("embedder").to_numpy(dtype=np.float64)  # type: ignore[no-any-return]


def _same(table: pd.DataFrame, written: str) -> BoolArray:
    shares = _matrix(table, "same") if "same" in table else np.zeros(_matrix(table, written).shape)
    return np.asarray(shares == 1)


def _draw(
    table: pd.DataFrame,
    panels: dict[str, _Panel],
    colours: tuple[Colormap, Normalize],
    title: str,
    note: str,
    text: Callable[[float], str],
    known: style.Marks,
) -> Figure:
    embedders, strategies = style.names(table["embedder"]), style.names(table["strategy"])
    if any(panel.same.any() for panel in panels.values()):
        note += "\n=: picks the same rows as a strategy above it, and counts as one with that."
    seen = style.seen_note(list(panels), embedders, known)
    note = f"{note}\n{seen}" if seen else note
    top = _TOP + 0.14 * max(0, note.count("\n") - 1)
    across = min(len(panels), max(2, round(16 / (len(embedders) * _CELL[0] + _BESIDE))), 5)
    down = ceil(len(panels) / across)
    between = 0.45 + 0.034 * max(len(style.marked(name, dataset, known)) for name in embedders for dataset in panels)
    wide, high = len(embedders) * _CELL[0], len(strategies) * _CELL[1]
    width = max(_LEFT + across * (wide + _BESIDE) + 0.1, 7.0)
    height = top + down * (high + between)
    with style.styled():
        figure = style.figure(width, height)
        for k, (dataset, panel) in enumerate(panels.items()):
            i, j = divmod(k, across)
            bottom = 1 - (top + i * (high + between) + high) / height
            place = ((_LEFT + j * (wide + _BESIDE)) / width, bottom, wide / width, high / height)
            axes = figure.add_axes(place)
            _paint(axes, panel, colours, text)
            axes.set_title(style.words(dataset), weight="bold")
            lean: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(range(len(embedders)), [style.marked(name, dataset, known) for name in embedders], **lean)
            axes.set_yticks(range(len(strategies)), [style.words(name) for name in strategies])
            axes.tick_params(length=0, labelleft=j == 0)
        style.headline(figure, title, note)
    return figure


def _paint(axes: Axes, panel: _Panel, colours: tuple[Colormap, Normalize], text: Callable[[float], str]) -> None:
    known = np.isfinite(panel.numbers) & ~panel.same
    signed = np.where(known, panel.numbers, -np.inf if panel.higher else np.inf)
    best = signed.max(axis=0) if panel.higher else signed.min(axis=0)
    scale, norm = colours
    axes.imshow(np.ma.masked_invalid(panel.painted), cmap=scale, norm=norm, aspect="auto")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(panel.numbers):
        ink = style.ink_on(scale(norm(panel.painted[i, j]))) if np.isfinite(panel.painted[i, j]) else style.INK
        weight = "bold" if value == best[j] and known[i, j] else "normal"
        written = text(value) if known[i, j] else "=" if panel.same[i, j] else "–"
        axes.text(j, i, written, ha="center", va="center", size=7, color=ink, weight=weight)
