"""Recommend an initial pool and a query strategy for your own unlabelled texts, as the grid's runs suggest."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nofreelunch import params
from nofreelunch.base import layout
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.cli.text_table import counted, text_table
from nofreelunch.tasks.columns import AS_IT_IS, Reading, legal_delimiter, legal_encoding

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from nofreelunch.evaluation.recommendation import Rule
    from nofreelunch.params import Params

FEWEST_TEXTS = 100
FEW_TASKS = 8
SHOWN = 5
UNKNOWN = "not known"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The texts, and what is known about the plan."""
    parser.add_argument("--texts", type=Path, required=True, help="a CSV, TSV, JSON lines or parquet file; no labels")
    parser.add_argument("--column", default="text", help="the column that holds the texts (default: text)")
    parser.add_argument("--encoding", type=_legal(legal_encoding), help="of the file (default: UTF-8)")
    parser.add_argument("--delimiter", type=_legal(legal_delimiter), help="of a CSV or TSV (default: found)")
    parser.add_argument("--embedder", help="an embedder of params.yaml (default: focus.embedder)")
    parser.add_argument("--labels", type=int, help="how many you can pay for (default: the grid's middle budget)")
    parser.add_argument("--evidence", type=Path, help="a folder with what to learn from (default: that of most tasks)")


def _legal(check: Callable[[str], str]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked


def run(arguments: argparse.Namespace) -> None:
    """Embed the texts, diagnose them without labels, and say what to take and how sure that is."""
    import numpy as np

    from nofreelunch.cells.diagnostics import LABEL_FREE, ROWS, diagnose
    from nofreelunch.evaluation.recommendation import advise, learn, policies, table_of, wide_gains

    loaded = params.load()
    embedder = arguments.embedder or loaded.focus.embedder
    if embedder not in loaded.embedders:
        raise UserError(unknown("embedder", embedder, loaded.embedders))
    if arguments.labels is not None and arguments.labels < 1:
        raise UserError(f"--labels must be at least 1, not {arguments.labels}.")
    folder, arms, diagnostics = read_evidence(arguments.evidence)
    texts = read_texts(arguments.texts, arguments.column, Reading(arguments.encoding, arguments.delimiter))
    budgets = sorted(map(int, arms["budget"].unique()))
    budget, notes = answerable(budgets, arguments.labels, len(texts))
    found = diagnose(embed(loaded, embedder, texts), None)

    at_budget = gains_at(arms, budget)
    gains = wide_gains(at_budget)
    measures = table_of(diagnostics, labelled=False).loc[gains.index, LABEL_FREE]
    rule = learn(measures, gains)
    values = np.array([found[name] for name in LABEL_FREE])
    print(f"{arguments.texts}: {len(texts):,} texts, embedded by {embedder}; learned from {folder}\n")
    print(diagnostics_table(found, measures) + "\n")
    print("\n".join([*answer(advise(rule, values), budget), *notes]) + "\n")
    outside = [name for name in LABEL_FREE if not measures[name].min() <= found[name] <= measures[name].max()]
    outside = [name for name in outside if np.isfinite(found[name])]
    print("\n".join(doubts(rule, policies(diagnostics, at_budget), outside, len(texts) < ROWS)))


def read_evidence(wanted: Path | None) -> tuple[Path, pd.DataFrame, pd.DataFrame]:
    """The folder to learn from, the gains of its arms, and its diagnostics.

    Args:
        wanted: the folder; where None, the one of most tasks of this grid's own and what a new project was given.

    Raises:
        UserError: there is none, or its grid compares nothing.
    """
    from nofreelunch.evaluation.summary import read_table

    folders = [layout.EVIDENCE, layout.SHIPPED] if wanted is None else [wanted]
    there = [folder for folder in folders if (folder / "arms.parquet").is_file()]
    if not there:
        raise UserError(f"{' and '.join(map(str, folders))}: no evidence to learn from. Run 'dvc repro'.")
    tables = [(folder, read_table("arms", folder)) for folder in there]
    folder, arms = max(tables, key=lambda found: found[1]["dataset"].nunique())
    if arms.empty:
        raise UserError("there is nothing to learn from: put 'random' into grid.pools and run 'dvc repro'.")
    return folder, arms, read_table("diagnostics", folder)


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


def embed(loaded: Params, embedder: str, texts: list[str]) -> npt.NDArray[np.float32]:
    """(n, d) vectors of ``texts``."""
    import numpy as np

    from nofreelunch.base.storage import Memo
    from nofreelunch.embedders.embed import embed as embed_splits
    from nofreelunch.tasks.table import Split

    pool = Split(texts, None, np.zeros(len(texts), np.int64))
    one = pool.rows(np.zeros(1, np.int64))
    embedding = embed_splits(loaded.embedders[embedder], pool, one, "joined", Memo.default(), "your texts")
    return embedding.arrays()["train"]


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


def gains_at(arms: pd.DataFrame, labels: int) -> pd.DataFrame:
    """The gain of every arm in every cell for a budget of ``labels``, along the line between the grid's next ones.

    Args:
        arms: `recommendation.arm_gains`.
        labels: no fewer and no more than budgets of ``arms``.
    """
    import numpy as np

    keys = ["dataset", "embedder", "ips", "strategy"]
    wide = arms.pivot_table(index=keys, columns="budget", values="gain", observed=True, sort=False)
    budgets = wide.columns.to_numpy(dtype=np.float64)
    found = [np.interp(labels, budgets, gains) for gains in wide.to_numpy(dtype=np.float64)]
    return wide.index.to_frame(index=False).assign(budget=labels, gain=found)


def diagnostics_table(found: dict[str, float], measures: pd.DataFrame) -> str:
    """Each diagnostic of the texts beside its range over the cells of the grid."""
    import numpy as np

    rows = []
    for name in measures.columns:
        low, high = measures[name].min(), measures[name].max()
        known = np.isfinite(found[name])
        mark = "" if not known or low <= found[name] <= high else "outside"
        rows.append([name, f"{found[name]:.3g}" if known else UNKNOWN, f"{low:.3g}", f"{high:.3g}", mark])
    return text_table(["diagnostic", "yours", "grid from", "to", ""], rows)


def answer(advice: pd.DataFrame, budget: int) -> list[str]:
    """The recommendation in words, and the next best choices."""
    first = advice.iloc[0]
    rows = [
        [row.ips, row.strategy, points(row.gain), points(row.lo), points(row.hi)]
        for row in advice.head(SHOWN).itertuples()
    ]
    lo, hi = points(first["lo"]), points(first["hi"])
    interval = "how far off a new task may be is not known from one" if lo == UNKNOWN else f"95 % from {lo} to {hi}"
    return [
        f"With {counted(budget, 'label')}: start from a {first['ips']} pool, then query by {first['strategy']}.",
        f"Expected gain over a random pool and random querying: {points(first['gain'])} points of accuracy, averaged",
        f"over the labels up to there; on a new task {interval}.\n",
        text_table(["pool", "strategy", "gain", "from", "to"], rows),
    ]


def points(share: float, sign: str = "+") -> str:
    """A share in points, with a sign where ``sign`` is '+'."""
    return f"{100 * share:{sign}.1f}" if share == share else UNKNOWN


def doubts(rule: Rule, policies: pd.DataFrame, outside: list[str], few: bool) -> list[str]:
    """What speaks for and against trusting the recommendation."""
    import numpy as np

    from nofreelunch.cells.diagnostics import ROWS
    from nofreelunch.evaluation.recommendation import HINDSIGHT, LEARNED, LEARNED_WITH_LABELS

    lines = ["How sure is that?"]
    tasks = counted(rule.tasks, "task")
    if rule.tasks < FEW_TASKS:
        lines.append(f"- Not very: it is learned from {tasks}. With fewer than {FEW_TASKS}, take it as a hint.")
    else:
        lines.append(f"- It is learned from {tasks}.")
    if np.isfinite(rule.penalty):
        lines.append("- The diagnostics help to foretell gains on tasks left out, and were used.")
    else:
        lines.append("- The diagnostics do not help to foretell gains on tasks left out: this was best on average.")
    regrets = policies.set_index("policy")["regret"].drop([HINDSIGHT, LEARNED_WITH_LABELS], errors="ignore")
    if LEARNED in regrets:
        own = policies.set_index("policy").loc[LEARNED]
        lines.append(
            f"- On tasks left out, this rule lost {100 * own['regret']:.1f} points to the best choice in hindsight "
            f"(95 %: {points(own['lo'], '')} to {points(own['hi'], '')})."
        )
        fixed = regrets.drop(LEARNED)
        if len(fixed):
            better = "less" if fixed.min() < regrets[LEARNED] else "more"
            lines.append(f"- The best fixed choice, '{fixed.idxmin()}', lost {better}: {100 * fixed.min():.1f} points.")
    if outside:
        lines.append(f"- Your texts lie outside the grid in {', '.join(outside)}; its edge was taken.")
    if few:
        lines.append(f"- The diagnostics of fewer than {ROWS:,} texts do not quite compare with those of the grid.")
    return lines
