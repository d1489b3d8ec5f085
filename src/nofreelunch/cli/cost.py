"""Show what strategies cost in seconds of this machine, beside what they gain; no stage's output holds that."""

import argparse
from typing import TYPE_CHECKING

from nofreelunch import params
from nofreelunch.base import layout
from nofreelunch.base.errors import UserError
from nofreelunch.cli.text_table import text_table

if TYPE_CHECKING:
    import pandas as pd

    from nofreelunch.evaluation.evidence import Part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Print the table, what it says of the claims about cost, and draw it into data/timings/.

    Raises:
        UserError: this machine has computed no cell of the grid.
    """
    from nofreelunch.evaluation.cost import PRICE, claims, cost, load_seconds, money
    from nofreelunch.evaluation.summary import read_table
    from nofreelunch.report.figures import cost_gain
    from nofreelunch.report.figures.write import save

    seconds, absent = load_seconds(params.load().grid)
    if seconds.empty:
        raise UserError(
            f"{layout.TIMINGS} has no seconds of this grid: its runs were computed elsewhere, or DVC restored them. "
            "'dvc repro --force active_learn' takes them anew from the memo, or computes them where that is empty."
        )
    table = cost(seconds, read_table("ranks"))
    print(costs_table(table) + "\n")
    mean, dollars = money(seconds)
    print(
        f"A run takes {mean:.3g} s of one core, at ${PRICE:.2f} for its hour ${dollars:.2g}; embedding is not counted."
    )
    print("\n".join(verdicts(claims(seconds))))
    if absent:
        print(f"Without seconds, as computed elsewhere or restored by DVC: {', '.join(absent)}")
    if len(set(table["strategy"])) > 1:
        save(cost_gain.draw(table), layout.TIMINGS / "cost_gain")
        print(f"drawn: {layout.TIMINGS / 'cost_gain.png'} and .svg")


def costs_table(table: "pd.DataFrame") -> str:
    """One line for each embedder and strategy of `evaluation.cost.cost`."""
    import numpy as np

    rows = []
    for row in table.itertuples():
        query = f"{1000 * row.query_seconds:,.3g}" if np.isfinite(row.query_seconds) else "–"
        times = query, f"{1000 * row.fit_seconds:,.3g}", f"{row.run_seconds:,.3g}"
        rows.append([row.embedder, row.strategy, *times, f"{100 * row.gain:+.2f}"])
    return text_table(["embedder", "strategy", "query, ms", "fit, ms", "run, s", "gain, points"], rows)


def verdicts(parts: "list[Part]") -> list[str]:
    """The claims about cost, each a quantity that the paper says is above 0."""
    lines = []
    for part in parts:
        interval = f", 95 % from {part.lo:.2f} to {part.hi:.2f} over {part.n} tasks"
        if part.n == 1:
            interval = f" ({part.caveat})"
        lines.append(f"{part.quantity}: {part.estimate:+.2f}{interval}")
    return lines
