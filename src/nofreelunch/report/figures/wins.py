"""The win matrix: how often the strategy of a row beats that of a column, with the ties shown."""

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nofreelunch.report.figures import style

_LEFT, _TOP, _BOTTOM, _RIGHT = 1.25, 1.5, 0.2, 0.25
_CELL = 0.62
_PAIRED = {
    "ties_half": "(same dataset, embedder, pool,\nseed and round; round 0 always ties), a tie being half a win.",
    "rounded": "(same dataset, embedder, pool,\nseed and round but 0), rounded to three decimals; ties for nobody.",
    "best_seed": "(same dataset, embedder, pool\nand round but 0) of the best seeds, so rounded; ties for nobody.",
}


def draw(wins: pd.DataFrame, scope: str = "all", definition: str = "ties_half") -> Figure:
    """Percent of paired comparisons won; strategies ordered by their mean rate, in which clones share one weight.

    Args:
        wins: `evaluation.wins.win_table`.
        scope: 'all', or an embedder.
        definition: of a win, one of `evaluation.wins.DEFINITIONS`.
    """
    part = wins[(wins["scope"] == scope) & (wins["definition"] == definition)]
    weight = part["weight"].where(part["rate"].notna())
    sums = (
        part.assign(won=part["rate"] * weight, weight=weight)
        .groupby("strategy", observed=True)[["won", "weight"]]
        .sum()
    )
    overall = (sums["won"] / sums["weight"]).sort_values(ascending=False, kind="stable")
    order = [str(name) for name in overall.index]
    rates, ties, counts = (
        part.pivot(index="strategy", columns="opponent", values=column).reindex(index=order, columns=order).to_numpy()
        for column in ("rate", "ties", "pairs")
    )
    pairs = int(part["pairs"].max())
    side = len(order) * _CELL
    width, height = max(_LEFT + side + _CELL + 0.2 + _RIGHT, 6.4), _TOP + side + _BOTTOM
    scale, norm = style.DIVERGING, Normalize(0, 1)
    with style.styled():
        figure = style.figure(width, height)
        axes = figure.add_axes((_LEFT / width, _BOTTOM / height, side / width, side / height))
        axes.imshow(np.ma.masked_invalid(rates), cmap=scale, norm=norm)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        names = [style.words(name) for name in order]
        axes.set_xticks(range(len(order)), names, rotation=35, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(len(order)), names)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        for (i, j), rate in np.ndenumerate(rates):
            if i == j:
                continue
            if np.isnan(rate):
                axes.text(j, i, "same\npicks", ha="center", va="center", size=6.5, color=style.MUTED)
                continue
            ink = style.ink_on(scale(norm(rate)))
            axes.text(j, i - 0.12, f"{100 * rate:.0f} %", ha="center", va="center", size=9, color=ink)
            axes.text(
                j,
                i + 0.24,
                f"{100 * ties[i, j] / counts[i, j]:.0f} % ties",
                ha="center",
                va="center",
                size=6.5,
                color=ink,
            )
        for i, name in enumerate(order):
            axes.text(len(order) - 0.3, i, f"{100 * overall[name]:.0f} %", va="center", weight="bold", size=9)
        axes.text(len(order) - 0.3, -0.72, "mean", va="bottom", weight="bold", size=8)
        where = "all cells" if scope == "all" else style.words(scope)
        note = (
            f"Row beats column in this share of {pairs:,} pairs {_PAIRED[definition]}\n"
            "These are counts of what happened, no test: the cells of a task share its difficulty."
        )
        style.headline(figure, f"Who beats whom, {where}", note)
    return figure
