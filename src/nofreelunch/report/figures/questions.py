"""One figure for each of the further questions: transfer, crossing, layers, implementation, budget, noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nofreelunch.evaluation.questions import OWN
from nofreelunch.report.figures import style
from nofreelunch.report.figures.embedders import shades

_ROW, _TOP, _BOTTOM, _LEFT, _WIDTH = 0.19, 0.72, 0.5, 2.3, 7.0
_AXIS = "gain in AULC over random querying, points"
_BARS = "Mean over tasks and its 95 % interval, not corrected for the number of them"


@dataclass(frozen=True)
class Row:
    """One estimate with its interval, in points, in a group of such rows."""

    group: str
    label: str
    mean: float
    lo: float
    hi: float
    colour: str
    hollow: bool = False


def transfer(table: pd.DataFrame) -> Figure:
    """Gains where another embedder chose the rows: `evaluation.questions.transfer`."""
    learners = list(dict.fromkeys(table["learner"]))
    rows = [
        _row(part, f"{style.words(strategy)}, {style.words(learner)} learns", style.words(part["chooser"]), strategy,
             hollow=part["chooser"] != learner)
        for learner in learners
        for strategy in dict.fromkeys(table["strategy"])
        for _, part in table[(table["learner"] == learner) & (table["strategy"] == strategy)].iterrows()
    ]  # fmt: skip
    note = f"{_BARS}.\nEach line names the embedder that chose; filled where it is the one that learns."
    return _forest("Chosen with one embedder, learned with another", note, rows, "gain over random querying, points")


def implementation(table: pd.DataFrame) -> Figure:
    """Gains of our code and another's: `evaluation.questions.implementation`."""
    rows = [
        _row(part, style.words(part["strategy"]), part["code"], part["strategy"], hollow=part["code"] != "ours")
        for _, part in table.iterrows()
    ]
    return _forest("Whose code of a strategy?", f"{_BARS};\nthe same starts and the same head.", rows, _AXIS)


def budget(table: pd.DataFrame) -> Figure:
    """Gains under the grid's budget and the paper's: `evaluation.questions.budget`."""
    rows = [
        _row(part, style.words(part["strategy"]), part["budget"], part["strategy"], hollow=part["budget"] != OWN)
        for _, part in table.iterrows()
    ]
    return _forest("A few labels at a time, or a hundred?", f"{_BARS}; from random starts.", rows, _AXIS)


def noise(table: pd.DataFrame) -> Figure:
    """Gains under wrong labels: `evaluation.questions.noise`."""
    kinds = {"none": "true labels", "symmetric": "any other class", "next": "the next class"}
    rows = [
        _row(part, f"{style.words(part['embedder'])}: {kinds[kind]}"
             + (f", {100 * part['rate']:.0f} %" if part["rate"] else ""),
             style.words(part["strategy"]), part["strategy"])
        for kind in kinds
        for _, part in table[(table["strategy"] != "random") & (table["noise"] == kind)].iterrows()
    ]  # fmt: skip
    note = f"{_BARS};\nover random querying under the same noise."
    return _forest("Gains where the annotator errs", note, rows, _AXIS)


def layers(table: pd.DataFrame) -> Figure:
    """Start and strategies at growing depths of one model: `evaluation.questions.layers`."""
    known = table[(table["embedder"] != "trend") & (table["quantity"] != "probe")]
    quantities = list(dict.fromkeys(known["quantity"]))
    order = known["embedder"].drop_duplicates().tolist()
    probe = table[table["quantity"] == "probe"].set_index("embedder")["mean"]
    with style.styled():
        figure = style.figure(_WIDTH, 3.6)
        axes = figure.add_axes((0.6 / _WIDTH, 0.75 / 3.6, 4.6 / _WIDTH, 2.1 / 3.6))
        axes.axhline(0, color=style.MUTED, lw=0.8)
        ends = []
        for number, quantity in enumerate(quantities):
            part = known[known["quantity"] == quantity].set_index("embedder").loc[order]
            colour, dash = _look(quantity)
            at = np.arange(len(order)) + 0.02 * (number - len(quantities) / 2)
            mean, lo, hi = (100 * part[name].to_numpy(dtype=np.float64) for name in ("mean", "lo", "hi"))
            axes.vlines(at, lo, hi, color=colour, lw=0.8, alpha=0.5)
            axes.plot(at, mean, color=colour, ls=dash, lw=1.5, marker="o", ms=3)
            ends.append((float(mean[-1]), style.words(quantity), colour))
        ticks = [f"{style.words(name)}\nprobe {100 * probe[name]:.0f} points" for name in order]
        axes.set_xticks(range(len(order)), ticks)
        axes.set_ylabel("gain, points")
        axes.margins(x=0.06)
        style.label_ends(axes, ends)
        style.headline(figure, "The same model after ever more of its layers", f"{_BARS}.")
    return figure


def crossing(found: pd.DataFrame, first: str, second: str) -> Figure:
    """Where the lead goes from one strategy to the other: `evaluation.questions.crossings` with quality."""
    part = found[found["ips"] == "random"]
    quality = part.groupby("embedder", observed=True)["quality"].mean().sort_values(ascending=False)
    colours = shades([str(name) for name in quality.index])
    jitter = np.linspace(-0.3, 0.3, max(part["embedder"].nunique(), 2))
    datasets = list(dict.fromkeys(part["dataset"].astype(str)))
    height = _TOP + 0.3 * len(datasets) + _BOTTOM
    with style.styled():
        figure = style.figure(_WIDTH, height)
        axes = figure.add_axes((1.0 / _WIDTH, _BOTTOM / height, 4.6 / _WIDTH, (height - _TOP - _BOTTOM) / height))
        for number, (name, colour) in enumerate(colours.items()):
            own = part[part["embedder"] == name]
            y = [datasets.index(str(dataset)) + jitter[number] for dataset in own["dataset"]]
            axes.plot(100 * own["share"].to_numpy(), y, "o", color=colour, ms=4, label=style.words(name))
        axes.set_yticks(range(len(datasets)), [style.words(name) for name in datasets])
        axes.set_ylim(len(datasets) - 0.4, -0.6)
        axes.set_xlim(-4, 104)
        axes.set_xlabel(f"share of the budget after which {second} leads, % (0: all along, 100: never)")
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=7.5, title="best first", title_fontsize=7.5)
        note = f"From a random start; the lead of {first} over {second} changes once, where that fits the curves best."
        style.headline(figure, "From diversity to uncertainty", note)
    return figure


def _row(part: "pd.Series[float]", group: str, label: str, strategy: str, *, hollow: bool = False) -> Row:
    mean, lo, hi = (100 * float(part[name]) for name in ("mean", "lo", "hi"))
    return Row(group, label, mean, lo, hi, style.look(strategy).colour, hollow)


def _look(quantity: str) -> tuple[str, object]:
    if quantity.startswith("start "):
        return style.look(quantity.removeprefix("start ")).colour, (0, (1, 1))
    return style.look(quantity).colour, "-"


def _forest(title: str, note: str, rows: Sequence[Row], axis: str) -> Figure:
    groups = list(dict.fromkeys(row.group for row in rows))
    ordered = [row for group in groups for row in rows if row.group == group]
    places = [place + 0.9 * groups.index(row.group) for place, row in enumerate(ordered)]
    height = _TOP + _ROW * (places[-1] + 2) + _BOTTOM
    with style.styled():
        figure = style.figure(_WIDTH, height)
        inside = (_WIDTH - _LEFT - 0.2) / _WIDTH
        axes: Axes = figure.add_axes((_LEFT / _WIDTH, _BOTTOM / height, inside, _ROW * (places[-1] + 2) / height))
        axes.axvline(0, color=style.MUTED, lw=0.8)
        for place, row in zip(places, ordered, strict=True):
            axes.plot([row.lo, row.hi], [place, place], color=row.colour, lw=1.1)
            axes.plot(row.mean, place, "o", color=row.colour, ms=5, mfc="white" if row.hollow else row.colour)
        for group in groups:
            first = next(place for place, row in zip(places, ordered, strict=True) if row.group == group)
            axes.text(-_LEFT / (_WIDTH * inside) + 0.02, first - 0.8, group, transform=axes.get_yaxis_transform(),
                      size=7.5, weight="bold", va="center")  # fmt: skip
        axes.set_yticks(places, [row.label for row in ordered])
        axes.set_ylim(places[-1] + 0.6, -1.4)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(axis)
        style.headline(figure, title, note)
    return figure
