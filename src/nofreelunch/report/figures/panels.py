"""Small multiples of lines with bands, datasets down and embedders across: for curves and differences."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nofreelunch.report.figures import style

# Inches: the margins hold the title, the legend and the names of the lines, whatever the number of panels.
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.95, 1.15, 1.0, 0.55
_BESIDE, _BETWEEN, _TICKS, _NARROWEST = 0.14, 0.16, 0.16, 7.0


@dataclass(frozen=True)
class Text:
    """The words of a figure."""

    title: str
    note: str
    y_label: str
    zero: bool


def lines(table: pd.DataFrame, text: Text, known: style.Marks) -> Figure:
    """One panel per (dataset, embedder): labels across, 100 × mean up, a 95 % band, a line per strategy.

    Panels of a row share both axes, so that embedders compare; the last one names its lines.

    Args:
        table: dataset, embedder, strategy (categorical), labels, mean, lo, hi; one row per point.
        text: the words; ``zero`` draws a line at 0.
        known: `style.marks`.
    """
    datasets, embedders = style.names(table["dataset"]), style.names(table["embedder"])
    strategies = style.names(table["strategy"])
    wide, high = (1.9, 1.5) if len(embedders) <= 4 else (1.55, 1.3)
    width = max(_LEFT + len(embedders) * (wide + _BESIDE) - _BESIDE + _RIGHT, _NARROWEST)
    alike = table.groupby("dataset", observed=True)["labels"].agg(["min", "max"]).drop_duplicates().shape[0] == 1
    between = _BETWEEN if alike else _BETWEEN + _TICKS
    height = _TOP + len(datasets) * (high + between) - between + _BOTTOM
    with style.styled():
        figure = style.figure(width, height)
        for i, dataset in enumerate(datasets):
            row: list[Axes] = []
            for j, embedder in enumerate(embedders):
                left = (_LEFT + j * (wide + _BESIDE)) / width
                bottom = 1 - (_TOP + i * (high + between) + high) / height
                share = row[0] if row else None
                place = (left, bottom, wide / width, high / height)
                axes = figure.add_axes(place, sharex=share, sharey=share)
                row.append(axes)
                part = table[(table["dataset"] == dataset) & (table["embedder"] == embedder)]
                _panel(axes, part, strategies, text.zero)
                axes.tick_params(labelleft=j == 0)
                if i == 0:
                    axes.set_title(style.words(embedder))
                mark = style.marked("", dataset, known, embedder)
                axes.text(0.98, 0.04, mark, transform=axes.transAxes, ha="right", size=8)
                axes.tick_params(labelbottom=not alike or i == len(datasets) - 1)
            row[0].set_ylabel(f"{style.words(dataset)}\n{text.y_label}")
            row[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
            row[0].xaxis.set_major_formatter(FuncFormatter(_thousands))
            row[0].yaxis.set_major_locator(MaxNLocator(5))
            style.label_ends(
                row[-1], _ends(table[(table["dataset"] == dataset) & (table["embedder"] == embedders[-1])])
            )
        figure.supxlabel("labels", size=8, y=0.12 / height)
        seen = style.seen_note(datasets, embedders, known)
        style.headline(figure, text.title, f"{text.note} {seen}." if seen else text.note)
        style.legend(figure, strategies, 1 - 0.58 / height)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, strategies: list[str], zero: bool) -> None:
    if zero:
        axes.axhline(0, color=style.MUTED, lw=0.8)
    for strategy in strategies:
        line = part[part["strategy"] == strategy]
        looks = style.look(strategy)
        labels = line["labels"].to_numpy()
        lo, hi = 100 * line["lo"].to_numpy(), 100 * line["hi"].to_numpy()
        axes.fill_between(labels, lo, hi, color=looks.colour, alpha=0.15, lw=0)
        axes.plot(labels, 100 * line["mean"].to_numpy(), color=looks.colour, ls=looks.dash, lw=1.1)
    axes.margins(x=0.02)


def _ends(part: pd.DataFrame) -> list[tuple[float, str, str]]:
    last = part[part["labels"] == part["labels"].max()]
    return [
        (100 * row.mean, style.words(str(row.strategy)), style.look(str(row.strategy)).colour)
        for row in last[["strategy", "mean"]].itertuples(index=False)
    ]


def _thousands(value: float, _: object) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
