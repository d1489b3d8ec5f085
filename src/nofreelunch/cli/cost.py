"""Show what strategies cost in seconds of this machine, beside what they gain; no stage's output holds that."""

import argparse
from typing import TYPE_CHECKING

from nofreelunch import params
from nofreelunch.base import layout
from nofreelunch.base.errors import UserError
from nofreelunch.base.prices import CORE_HOUR, GPU_HOUR
from nofreelunch.cli.text_table import text_table

if TYPE_CHECKING:
    import pandas as pd

    from nofreelunch.evaluation.claim_test import Part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Print the table, what it says of the claims about cost, and draw it into data/timings/.

    Raises:
        UserError: this machine has computed no cell of the grid.
    """
    from nofreelunch.evaluation.cost import claims, cost, load_embedding, load_seconds, whole_runs
    from nofreelunch.evaluation.summary import read_table
    from nofreelunch.report.figures import cost_gain
    from nofreelunch.report.figures.write import save

    grid = params.load().grid
    seconds, absent = load_seconds(grid)
    embedding, unknown = load_embedding(grid)
    if seconds.empty:
        raise UserError(
            f"{layout.TIMINGS} has no seconds of this grid: its runs were computed elsewhere, or DVC restored them. "
            "'dvc repro --force active_learn' takes them anew from the memo, or computes them where that is empty."
        )
    table = cost(seconds, read_table("ranks"))
    print(costs_table(table) + "\n")
    whole = whole_runs(seconds, embedding)
    print("\n".join([*money(whole), *verdicts(claims(seconds, whole))]))
    if absent:
        print(f"Without seconds, as computed elsewhere or restored by DVC: {', '.join(absent)}")
    if unknown:
        print(f"Without seconds of embedding, and so not in what a run costs: {', '.join(unknown)}")
    if len(set(table["strategy"])) > 1:
        print(f"drawn: {save(cost_gain.draw(table), layout.TIMINGS / 'cost_gain')}")


def costs_table(table: "pd.DataFrame") -> str:
    """One line for each embedder and strategy of `evaluation.cost.cost`."""
    import numpy as np

    rows = []
    for row in table.itertuples():
        query = f"{1000 * row.query_seconds:,.3g}" if np.isfinite(row.query_seconds) else "–"
        times = query, f"{1000 * row.fit_seconds:,.3g}", f"{row.run_seconds:,.3g}"
        rows.append([row.embedder, row.strategy, *times, f"{100 * row.gain:+.2f}"])
    return text_table(["embedder", "strategy", "query, ms", "fit, ms", "run, s", "gain, points"], rows)


def money(whole: "pd.DataFrame") -> list[str]:
    """What a run of each embedder costs, a mean over tasks of `evaluation.cost.whole_runs`, and what that supposes."""
    from nofreelunch.evaluation.cost import CHEAP

    if whole.empty:
        return ["What a run costs is not known: this machine has embedded no cell of the grid."]
    rows = [
        [str(embedder), f"{row['embed_seconds']:,.3g}", f"{row['learn_seconds']:,.3g}", f"{row['dollars']:,.2g}"]
        for embedder, row in whole.groupby("embedder", sort=False).mean(numeric_only=True).iterrows()
    ]
    return [
        text_table(["embedder", "embedding its pool, s", "queries and fits, s", "a run, $"], rows) + "\n",
        f"Assumed: ${CORE_HOUR:g} for an hour of a core and ${GPU_HOUR:g} for one of a GPU. A run pays for the whole "
        f"embedding of its pool. Cheap is less than ${CHEAP:g}, our own choice.",
    ]


def verdicts(parts: "list[Part]") -> list[str]:
    """The claims about cost, each a quantity that the paper says is above 0."""
    from nofreelunch.evaluation.cost import verdict

    lines = []
    for part in parts:
        interval = f", 95 % from {part.lo:.2f} to {part.hi:.2f} over {part.n} tasks: {verdict(part)}"
        if part.n == 1:
            interval = f" ({part.caveat})"
        lines.append(f"{part.quantity}: {part.estimate:+.2f}{interval}")
    return lines
