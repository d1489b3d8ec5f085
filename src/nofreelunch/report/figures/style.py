"""The one style of all figures: type, colour-blind-safe colours, labels that keep apart."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import scipy
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nofreelunch.base.registry import Seen

INK = "#222222"
MUTED = "#767676"
GRID = "#e4e4e4"
# The ends of the maps are left out: no number can be read on them.
DIVERGING = ListedColormap(colormaps["PuOr_r"](np.linspace(0.14, 0.86, 256)))
BEST_IS_DARK = ListedColormap(colormaps["Blues_r"](np.linspace(0.1, 1.0, 256)))

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "text.color": INK,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "legend.frameon": False,
    "savefig.dpi": 150,
}


@dataclass(frozen=True)
class Look:
    """How a strategy is drawn, in every figure alike."""

    colour: str
    dash: Any = "-"


# Okabe and Ito's palette first, then Paul Tol's muted one; neighbours in kind also differ in dash.
_LOOKS = {
    "random": Look("#808080", (0, (4, 2))),
    "margin": Look("#0072B2"),
    "entropy": Look("#56B4E9", (0, (5, 1, 1, 1))),
    "least_confident": Look("#E69F00", (0, (3, 1))),
    "coreset": Look("#009E73"),
    "badge": Look("#D55E00"),
    "typiclust": Look("#CC79A7"),
    "bait": Look("#000000"),
    "dropquery": Look("#882255", (0, (5, 1, 1, 1))),
    "alfamix": Look("#999933", (0, (3, 1))),
    "probcover": Look("#44AA99", (0, (1, 1))),
    "falcun": Look("#661100", (0, (1, 1))),
    "maxherding": Look("#332288", (0, (3, 1))),
    "uncertainty_herding": Look("#AA4499", (0, (1, 1))),
    "oracle": Look("#404040", (0, (8, 1, 1, 1, 1, 1))),
}
_SPARE = ("#117733", "#6699CC", "#AA4466", "#B8860B", "#5D3A9B", "#40B0A6")
_FOREIGN = ("#E6007E", "#0B8A3E", "#7A4B00", "#4B4BD8", "#C1440E", "#00798C")
FOREIGN = "‡"
FOREIGN_NOTE = f"{FOREIGN} code from outside, not part of the benchmark"
# Names of the strategies and pools that are code from outside, while a grid's figures and report are made.
_foreign: ContextVar[tuple[str, ...]] = ContextVar("foreign", default=())


@contextmanager
def marking(foreign: Sequence[str]) -> Iterator[None]:
    """Mark these strategies and pools, within this, as not part of the benchmark."""
    token = _foreign.set(tuple(foreign))
    try:
        yield
    finally:
        _foreign.reset(token)


def look(strategy: str) -> Look:
    """The look of ``strategy``; one from outside has a colour of its own, and one not known here gets a spare colour
    that its name alone decides."""
    if strategy in _LOOKS:
        return _LOOKS[strategy]
    if strategy in _foreign.get():
        return Look(_FOREIGN[_foreign.get().index(strategy) % len(_FOREIGN)], (0, (6, 1, 2, 1)))
    return Look(_SPARE[sum(strategy.encode()) % len(_SPARE)], (0, (2, 1)))


def ink_on(background: Sequence[float]) -> str:
    """White or dark, whichever contrasts more with ``background`` (RGB, 0 to 1) by WCAG 2 luminance."""
    return "white" if luminance(background) < 0.2 else INK


def luminance(colour: Sequence[float]) -> float:
    """Relative luminance by WCAG 2 of a colour (RGB, 0 to 1)."""
    channels = np.asarray(colour[:3], dtype=float)
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def on_dark(colour: str, ground: str) -> str:
    """``colour``, mixed with as little white as lifts it to a contrast of 4 on a dark ``ground``."""
    wanted = 4 * (luminance(to_rgb(ground)) + 0.05) - 0.05
    for white in np.linspace(0, 1, 51):
        mixed = (1 - white) * np.array(to_rgb(colour)) + white
        if luminance(mixed) >= wanted:
            break
    return to_hex(mixed)


@contextmanager
def styled() -> Iterator[None]:
    """Draw, and save, within this: matplotlib reads its settings at both times."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, drawn without a window."""
    made = Figure(figsize=(width, height))
    FigureCanvasAgg(made)
    return made


def headline(made: Figure, title: str, note: str) -> None:
    """The title at the top left of a figure and, below it, what its marks mean."""
    width, height = made.get_size_inches()
    made.suptitle(title, x=0.15 / width, y=1 - 0.12 / height, ha="left", va="top")
    made.text(0.15 / width, 1 - 0.36 / height, note, color=MUTED, va="top", size=8)
    if _foreign.get():
        made.text(0.15 / width, 0.05 / height, FOREIGN_NOTE, color=MUTED, va="bottom", size=7)


def words(name: str) -> str:
    """A registry name as read by people: ``least_confident`` → ``least confident``; marked where it is from outside."""
    return name.replace("_", " ") + (f" {FOREIGN}" if name in _foreign.get() else "")


SEEN = {"yes": " †", "related": " (†)"}


Marks = Mapping[tuple[str, str], Seen]
NO_MARKS: Marks = {}


def marks(table: pd.DataFrame) -> Marks:
    """(embedder, dataset) → what stands in the column 'seen' of a table of the summary."""
    rows = table[["embedder", "dataset", "seen"]].drop_duplicates()
    return {(str(embedder), str(dataset)): seen for embedder, dataset, seen in rows.itertuples(index=False)}


def marked(name: str, dataset: str, known: Marks, embedder: str | None = None) -> str:
    """``name`` in words, with a mark where the embedder (the name itself, if None) saw labels of the dataset."""
    return words(name) + SEEN.get(known.get((embedder or name, dataset), "unknown"), "")


def seen_note(datasets: Sequence[str], embedders: Sequence[str], known: Marks) -> str:
    """What the marks of `marked` mean, or '' where none occurs."""
    occur = {known.get((embedder, dataset)) for embedder in embedders for dataset in datasets}
    said = {"yes": "† trained with labels of the task", "related": "(†) on data close to it"}
    return ", ".join(text for kind, text in said.items() if kind in occur)


def names(column: "pd.Series[Any]") -> list[str]:
    """The values of a categorical column that occur, in the order of its categories."""
    present = set(column.unique())
    return [str(name) for name in column.cat.categories if name in present]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near to ``wanted`` as may be, at least ``gap`` apart and within [low, high]."""
    if not wanted:
        return []
    order = np.argsort(wanted, kind="stable")
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    offsets = np.arange(len(wanted)) * gap
    # Placing with gaps is isotonic regression on the values less their offsets: neighbours that overlap are pooled.
    flat = scipy.optimize.isotonic_regression(np.asarray(wanted, dtype=float)[order] - offsets).x
    placed = np.clip(flat, low, high - offsets[-1]) + offsets
    result = np.empty(len(wanted))
    result[order] = placed
    return [float(position) for position in result]


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], size: float = 7.0) -> None:
    """Name lines at the right edge of ``axes``, moved apart where they would overlap, with thin leaders.

    Args:
        axes: its size and limits must be final.
        ends: (height in data, text, colour) of each line.
        size: of the type, in points.
    """
    low, high = axes.get_ylim()
    height = axes.bbox.height * 72 / axes.figure.dpi
    wanted = [(value - low) / (high - low) for value, _, _ in ends]
    places = spread(wanted, 1.15 * size / height, -0.05, 1.05)
    for place, start, (_, text, colour) in zip(places, wanted, ends, strict=True):
        axes.plot(
            [1.0, 1.05],
            [start, place],
            color=colour,
            lw=0.6,
            transform=axes.transAxes,
            clip_on=False,
            scalex=False,
            scaley=False,
        )
        axes.text(1.06, place, text, color=colour, size=size, va="center", transform=axes.transAxes)


def label_points(axes: Axes, points: Sequence[tuple[float, float, str, str]], size: float = 7.5) -> None:
    """Name points at the right edge of ``axes``, moved apart where they would overlap, with thin leaders.

    Args:
        axes: its size and limits must be final.
        points: (y and x in data, text, colour) of each.
        size: of the type, in points.
    """
    low, high = axes.get_ylim()
    height = axes.bbox.height * 72 / axes.figure.dpi
    places = spread([(y - low) / (high - low) for y, _, _, _ in points], 1.25 * size / height, 0.0, 1.0)
    to_axes = axes.transData + axes.transAxes.inverted()
    for place, (y, x, text, colour) in zip(places, points, strict=True):
        from_x, from_y = to_axes.transform((x, y))
        axes.plot(
            [from_x, 1.0, 1.02],
            [from_y, place, place],
            color=colour,
            lw=0.6,
            alpha=0.6,
            transform=axes.transAxes,
            clip_on=False,
            scalex=False,
            scaley=False,
            zorder=1,
        )
        axes.text(1.03, place, text, color=INK, size=size, va="center", transform=axes.transAxes)


def legend(parent: Figure, strategies: Sequence[str], y: float) -> None:
    """The strategies' lines in a row at height ``y`` (0 to 1) of the figure, wrapped where too long."""
    handles = [
        Line2D([], [], color=look(name).colour, ls=look(name).dash, lw=1.6, label=words(name)) for name in strategies
    ]
    columns = min(len(handles), max(2, int(parent.get_size_inches()[0] / 1.25)))
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.15 / parent.get_size_inches()[0], y)}
    parent.legend(handles=handles, ncols=columns, fontsize=8, handlelength=2.6, borderpad=0, borderaxespad=0, **place)
