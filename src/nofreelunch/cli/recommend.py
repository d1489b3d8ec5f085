"""Recommend an initial pool and a query strategy for your own unlabelled texts, as the grid's runs suggest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nofreelunch import params
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.words import counted
from nofreelunch.cli.options import legal
from nofreelunch.cli.text_table import text_table
from nofreelunch.tasks.columns import AS_IT_IS, Reading, legal_delimiter, legal_encoding

if TYPE_CHECKING:
    import pandas as pd

    from nofreelunch.evaluation.recommendation import Recommendation

FEWEST_TEXTS = 100
SHOWN = 5
UNKNOWN = "not known"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The texts, and what is known about the plan."""
    parser.add_argument("--texts", type=Path, required=True, help="a CSV, TSV, JSON lines or parquet file; no labels")
    parser.add_argument("--column", default="text", help="the column that holds the texts (default: text)")
    parser.add_argument("--encoding", type=legal(legal_encoding), help="of the file (default: UTF-8)")
    parser.add_argument("--delimiter", type=legal(legal_delimiter), help="of a CSV or TSV (default: found)")
    parser.add_argument("--embedder", help="an embedder of params.yaml (default: focus.embedder)")
    parser.add_argument("--labels", type=int, help="how many you can pay for (default: the grid's middle budget)")
    parser.add_argument("--evidence", type=Path, help="a folder to learn from (default: all at hand)")


def run(arguments: argparse.Namespace) -> None:
    """Embed the texts, diagnose them without labels, and say what to take and how sure that is."""
    from nofreelunch.base.storage import Memo
    from nofreelunch.cells.diagnostics import LABEL_FREE, ROWS, diagnose
    from nofreelunch.embedders.embed import embed_texts
    from nofreelunch.evaluation.recommendation import recommend
    from nofreelunch.evaluation.told import read_evidence

    loaded = params.load()
    embedder = arguments.embedder or loaded.focus.embedder
    if embedder not in loaded.embedders:
        raise UserError(unknown("embedder", embedder, loaded.embedders))
    if arguments.labels is not None and arguments.labels < 1:
        raise UserError(f"--labels must be at least 1, not {arguments.labels}.")
    folders, arms = read_evidence(arguments.evidence)
    texts = read_texts(arguments.texts, arguments.column, Reading(arguments.encoding, arguments.delimiter))
    budget, notes = answerable(sorted(map(int, arms["budget"].unique())), arguments.labels, len(texts))
    found = diagnose(embed_texts(loaded.embedders[embedder], texts, Memo.default()), None)

    advised = recommend(arms, found, budget)
    measures = arms.loc[arms["dataset"].isin(advised.tasks), LABEL_FREE]
    learned = " and ".join(folders)
    print(f"{arguments.texts}: {len(texts):,} texts, embedded by {embedder}; learned from {learned}\n")
    print(diagnostics_table(found, measures) + "\n")
    print("\n".join([*answer(advised), *notes]) + "\n")
    outside = [name for name in LABEL_FREE if found[name] < measures[name].min() or found[name] > measures[name].max()]
    print("\n".join(doubts(advised, outside, len(texts) < ROWS)))


def read_texts(path: Path, column: str, reading: Reading = AS_IT_IS) -> list[str]:
    """The texts as they stand, without empty and repeated ones.

    Raises:
        UserError: the file or the column cannot be read, or there are too few texts.
    """
    from nofreelunch.tasks.assemble import is_missing
    from nofreelunch.tasks.columns import read_table

    table = read_table(path, [column], reading)
    values = table.columns[column]
    for i, value in enumerate(values):
        if not is_missing(value) and not isinstance(value, str):
            place = f"row {i}" if table.lines is None else f"line {table.lines[i]}"
            raise UserError(f"{path}, {place}: {value!r} in column '{column}' is not a text. Choose another column.")
    texts = list(dict.fromkeys(value for value in values if not is_missing(value)))
    if len(texts) < FEWEST_TEXTS:
        raise UserError(f"{path} has {len(texts)} different texts; at least {FEWEST_TEXTS} are needed to judge them.")
    return texts


def answerable(budgets: list[int], labels: int | None, texts: int) -> tuple[int, list[str]]:
    """The labels to answer for, and what to say where these are not the ones asked for.

    Args:
        budgets: labels at which the grid's runs were compared, in order.
        labels: asked for; None for the middle of ``budgets``.
        texts: how many there are to label.
    """
    wanted = budgets[len(budgets) // 2] if labels is None else labels
    notes = []
    if wanted > texts:
        notes.append(f"You have {counted(texts, 'text')}: once all are labelled, nothing is left to choose.")
        wanted = texts
    budget = min(max(wanted, budgets[0]), budgets[-1])
    if budget != wanted:
        notes.append(
            f"What {counted(wanted, 'label')} would do is not known: the grid's runs are compared from {budgets[0]:,} "
            f"to {budgets[-1]:,} labels."
        )
    return budget, notes


def diagnostics_table(found: dict[str, float], measures: pd.DataFrame) -> str:
    """Each diagnostic of the texts beside its range over the cells learned from."""
    rows = []
    for name in measures.columns:
        value, low, high = found[name], measures[name].min(), measures[name].max()
        rows.append([name, *map(_known, (value, low, high)), "outside" if value < low or value > high else ""])
    return text_table(["diagnostic", "yours", "grid from", "to", ""], rows)


def _known(value: float) -> str:
    return f"{value:.3g}" if value == value else UNKNOWN


def answer(advised: Recommendation) -> list[str]:
    """The recommendation in words, why it is this, and how the choices did on average."""
    from nofreelunch.evaluation.recommendation import FEWEST_TASKS, LEVEL

    test, n = advised.decision.test, len(advised.tasks)
    default, rival = (", then ".join(arm) for arm in (advised.default, advised.rival))
    span = f"95 % from {points(test.lo)} to {points(test.hi)}, p {test.p_for:.2g}"
    if advised.decision.leaves:
        why = [
            f"That is not the default ({default}): chosen so on each of {n} tasks by the others, it gained",
            f"{points(test.estimate)} points of accuracy over it, averaged over the labels up to there ({span}).",
        ]
    elif n < FEWEST_TASKS:
        why = [f"That is the default, fixed beforehand: {counted(n, 'task')} cannot say that something else is better."]
    else:
        why = [
            "That is the default, fixed beforehand. Something else, chosen on each task by the others, gained over it",
            f"{points(test.estimate)} points ({span}): not sure enough at {LEVEL}. Here it would be {rival}.",
        ]
    rows = [
        [row.ips, row.strategy, points(row.mean), points(row.lo), points(row.hi), f"{row.n}"]
        for row in advised.arms.head(SHOWN).itertuples()
    ]
    return [
        f"With {counted(advised.budget, 'label')}: start from a {advised.arm[0]} pool, then query by {advised.arm[1]}.",
        *why,
        f"\nPoints gained over the default by the first {SHOWN} in rank, on the tasks learned from (no forecast):",
        text_table(["pool", "strategy", "gain", "from", "to", "tasks"], rows),
    ]


def points(share: float) -> str:
    """A share in points, with its sign."""
    # Adding 0 turns a rounded −0 into 0.
    return f"{round(100 * share, 1) + 0.0:+.1f}" if share == share else UNKNOWN


def doubts(advised: Recommendation, outside: list[str], few: bool) -> list[str]:
    """What speaks for and against trusting the recommendation."""
    import numpy as np

    from nofreelunch.cells.diagnostics import ROWS
    from nofreelunch.evaluation.recommendation import FEWEST_TASKS

    lines, n = ["How sure is that?"], len(advised.tasks)
    if n < FEWEST_TASKS:
        lines.append(f"- It rests on {counted(n, 'task')}; with fewer than {FEWEST_TASKS} the default is never left.")
    else:
        lines.append(f"- It rests on {counted(n, 'task')}.")
    if np.isfinite(advised.decision.rule.penalty):
        lines.append("- The diagnostics help to foretell gains on tasks left out, and have a part in the ranks.")
    else:
        lines.append(
            "- The diagnostics do not help to foretell gains on tasks left out, and have no part in the ranks."
        )
    constant = advised.constant
    lines.append(
        f"- The best constant of the other tasks gained {points(constant.estimate)} points over the default on tasks "
        f"left out (95 % from {points(constant.lo)} to {points(constant.hi)})."
    )
    if outside:
        lines.append(f"- Your texts lie outside the grid in {', '.join(outside)}; its edge was taken.")
    if few:
        lines.append(f"- The diagnostics of fewer than {ROWS:,} texts do not quite compare with those of the grid.")
    return lines
