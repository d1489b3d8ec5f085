"""The report's tables: which columns of the summary they show, under which names."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from nofreelunch.evaluation.aulc import SHARES, arrivals
from nofreelunch.evaluation.quality import SITE
from nofreelunch.evaluation.runs import FACTORS

Kind = Literal["text", "points", "gain", "number", "count", "p", "share"]
_Columns = list[tuple[str, str, Kind]]
_SITE: _Columns = [("dataset", "task", "text"), ("embedder", "embedder", "text")]
_SEEN: tuple[str, str, Kind] = ("seen", "labels seen", "text")
SEEN = {"yes": "trained on", "related": "related", "no": "unseen", "unknown": "unknown"}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: in the summary.
        label: its heading.
        kind: how its values are shown; points and gains are stored times 100.
    """

    name: str
    label: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes:
        title: its caption.
        note: what a row is and how to read it.
        columns: from left to right.
        rows: one list of values per row; None where there is none.
    """

    title: str
    note: str
    columns: list[Column]
    rows: list[list[Any]]

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def report_tables(tables: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """Every table of the report, of accuracy, from `evaluation.summary.read_tables`."""
    accuracy = {
        name: tables[name][tables[name]["metric"] == "accuracy"]
        for name in ("aulc", "ranks", "strategy_gains", "pool_gains", "robustness")
    }
    return {
        "cells": _cells(accuracy),
        "pool_gains": _make(
            "Gain of a pool selection over a random pool",
            "Accuracy averaged over strategies, paired by seed; 95 % interval over seeds. Phases: round 0, the early, "
            "middle and late third of the labels, the last round.",
            [
                *_SITE,
                _SEEN,
                ("ips", "pool", "text"),
                ("phase", "phase", "text"),
                *_interval("mean", "gain", "gain"),
                ("n", "seeds", "count"),
            ],
            accuracy["pool_gains"],
        ),
        "robustness": _make(
            "How steady a strategy is",
            "Over all cells (task, embedder, pool), and over those of one embedder. Rank 1 is best; regret is the "
            "distance in AULC to the strategy of a cell that is best on other seeds. A description, no test.",
            [
                ("scope", "embedders", "text"),
                ("strategy", "strategy", "text"),
                ("mean_rank", "mean rank", "number"),
                ("rank_spread", "spread of ranks", "number"),
                ("best", "times best", "count"),
                ("cells", "cells", "count"),
                ("mean_gain", "mean gain", "gain"),
                ("mean_regret", "mean regret", "points"),
                ("worst_regret", "worst regret", "points"),
            ],
            accuracy["robustness"],
        ),
        "significance": _make(
            "Pairs of strategies",
            "Differences in AULC, averaged over seeds, pools and embedders: one value a task. 95 % interval and p of "
            "Student's t-test over tasks; Holm's correction over the pairs of a family. Sign flip: the exact "
            "randomisation test beside it, which supposes no distribution, and the smallest p that it can give with so "
            "many tasks. Two that pick the same rows everywhere are one.",
            [
                ("scope", "embedders", "text"),
                ("family", "family", "text"),
                ("strategy", "strategy", "text"),
                ("opponent", "opponent", "text"),
                *_interval("difference", "difference", "gain"),
                ("tasks", "tasks", "count"),
                ("p", "p", "p"),
                ("p_holm", "p (Holm)", "p"),
                ("p_flip", "p (sign flip)", "p"),
                ("smallest", "smallest p", "p"),
                ("cohens_dz", "Cohen's d", "number"),
                ("rank_biserial", "rank-biserial", "number"),
            ],
            tables["significance"],
        ),
        "wins": _make(
            "Who beats whom",
            "Accuracy after every round, paired by task, embedder, pool and seed. ties half: a tie is half a win. The "
            "paper's group's: rounded to three decimals, without round 0, ties for nobody (rounded); and the same of "
            "each strategy's best seed, which rewards a spread over seeds (best seed). Strategies that pick the same "
            "rows do not meet. Counts of what happened, no test.",
            [
                ("scope", "embedders", "text"),
                ("definition", "definition", "text"),
                ("strategy", "strategy", "text"),
                ("opponent", "opponent", "text"),
                ("rate", "win rate", "share"),
                ("wins", "wins", "count"),
                ("ties", "ties", "count"),
                ("losses", "losses", "count"),
            ],
            tables["wins"],
        ),
        "peaks": _make(
            "How often is a strategy the best of all?",
            "Share of the rounds of all embedders, pools and seeds of a task in which no other strategy is as good, by "
            "each definition of a win. Of strategies that pick the same rows the first counts. No test.",
            [
                ("definition", "definition", "text"),
                ("dataset", "task", "text"),
                ("strategy", "strategy", "text"),
                ("rate", "share of wins", "share"),
                ("situations", "of", "count"),
            ],
            tables["peaks"],
        ),
        "clones": _make(
            "Strategies that pick the same rows",
            "With two classes margin, entropy and least confident order the candidates alike. In these cells the clone "
            "counts as one with the first of its kind in ranks, wins and leads.",
            [*_SITE, ("ips", "pool", "text"), ("strategy", "clone", "text"), ("clone_of", "of", "text")],
            tables["clones"],
        ),
        "friedman": _make(
            "Do the strategies differ at all?",
            "Friedman's test on the ranks of the mean AULC on each task, p by permutation within tasks; strategies "
            "whose mean ranks differ by less than Nemenyi's critical difference are not told apart. Where that "
            "is more than the largest difference there can be, there are too few tasks to tell any two apart.",
            [
                ("scope", "embedders", "text"),
                ("tasks", "tasks", "count"),
                ("statistic", "χ²", "number"),
                ("p", "p", "p"),
                ("critical_difference", "critical difference", "number"),
                ("largest", "largest possible", "number"),
            ],
            tables["friedman"],
        ),
        "mean_ranks": _make(
            "Mean ranks over tasks",
            "Of the mean AULC on each task, 1 = best. Strategies that pick the same rows everywhere stand there once.",
            [
                ("scope", "embedders", "text"),
                ("strategy", "strategy", "text"),
                ("mean_rank", "mean rank", "number"),
                ("tasks", "tasks", "count"),
            ],
            tables["mean_ranks"],
        ),
        "embeddings": _embeddings(tables),
        "quality": _make(
            "What goes with embedding quality",
            "Rank correlations over (task, embedder). pooled: over all of them; within: mean over tasks of the "
            "correlation among a task's embedders. 95 % bootstrap intervals over tasks. Exploratory: one of many "
            "correlations is high by chance. Accuracy of the probe is on other test rows than the outcomes.",
            [
                ("measure", "measure", "text"),
                ("outcome", "outcome", "text"),
                ("level", "level", "text"),
                *_interval("spearman", "Spearman's ρ", "number", "spearman_lo", "spearman_hi"),
                *_interval("kendall", "Kendall's τ", "number", "kendall_lo", "kendall_hi"),
                ("n", "points", "count"),
                ("k0", "k₀", "text"),
                ("caveat", "caveat", "text"),
            ],
            tables["quality"],
        ),
        "explanations": _make(
            "Which diagnostic explains which gain",
            "Exploratory regressions on differences between the embedders of a task. R² on tasks left out: 0 or "
            "less explains nothing. Slope: points of accuracy per standard deviation of the measure; 'all' is a ridge "
            "regression on all of them.",
            [
                ("outcome", "outcome", "text"),
                ("measure", "measure", "text"),
                ("r2", "R² left out", "number"),
                ("slope", "slope", "gain"),
                ("n", "points", "count"),
            ],
            tables["explanations"],
        ),
        "defaults": _make(
            "Every pool and strategy on average",
            "Gain over the default, a choice fixed beforehand: points of accuracy, averaged over labels up to the "
            "budget, mean over tasks; 95 % t-interval. Shrunk: drawn to the mean of all choices, the more the less "
            "sure. Times best: (task, embedder) in which no other choice gains more.",
            [
                ("budget", "labels", "count"),
                ("ips", "pool", "text"),
                ("strategy", "strategy", "text"),
                *_interval("mean", "gain", "gain"),
                ("shrunk", "shrunk", "gain"),
                ("best", "times best", "count"),
                ("cells", "of", "count"),
                ("n", "tasks", "count"),
            ],
            tables["defaults"],
        ),
        "policies": _make(
            "How good is a way to choose on a new task?",
            "Each task was left out in turn, and what to take chosen by the others. Gain over the default: points of "
            "accuracy, averaged over labels up to the budget (all: mean over the budgets); 95 % t-interval over tasks, "
            "one-sided p. In hindsight: chosen in every other seed, judged in the rest.",
            [
                ("budget", "labels", "text"),
                ("policy", "choice", "text"),
                *_interval("gain", "gain", "gain"),
                ("p", "p", "p"),
                ("worst", "worst cell", "gain"),
                ("tasks", "tasks", "count"),
            ],
            tables["policies"],
        ),
        "advice": _make(
            "What the other tasks recommended for each cell",
            "And what that gained over the default. The recommendation leaves the default only where the rule gained "
            "over it on the tasks it is learned from, each left out in turn.",
            [
                *_SITE,
                _SEEN,
                ("budget", "labels", "count"),
                ("policy", "choice", "text"),
                ("ips", "pool", "text"),
                ("strategy", "strategy", "text"),
                ("reached", "gain", "gain"),
            ],
            tables["advice"],
        ),
    }


def _cells(accuracy: dict[str, pd.DataFrame]) -> Table:
    numbers = ["aulc", "initial", "early", "middle", "late", "final", "probe", "headroom"]
    means = accuracy["aulc"].groupby(FACTORS, observed=True)[["chance", *numbers]].mean().reset_index()
    means = means.merge(arrivals(accuracy["aulc"], FACTORS), on=FACTORS)
    table = means.merge(accuracy["ranks"][[*FACTORS, "rank", "gain", "regret", "clone_of", "seen"]], on=FACTORS)
    table = table.merge(accuracy["strategy_gains"][[*FACTORS, "lo", "hi"]], on=FACTORS, how="left")
    columns: _Columns = [
        *_SITE,
        _SEEN,
        ("ips", "pool", "text"),
        ("strategy", "strategy", "text"),
        ("aulc", "AULC", "points"),
        ("gain", "gain over random", "gain"),
        ("lo", "from", "gain"),
        ("hi", "to", "gain"),
        ("rank", "rank", "number"),
        ("regret", "regret", "points"),
        ("clone_of", "same picks as", "text"),
        *((name, name if name != "initial" else "round 0", "points") for name in numbers[1:6]),
        ("chance", "chance", "points"),
        ("probe", "full pool", "points"),
        ("headroom", "headroom", "points"),
        *(
            column
            for share in SHARES
            for column in (
                (f"labels_to_{share}", f"labels to {share} %", "count"),
                (f"arrived_{share}", f"got to {share} %", "share"),
            )
        ),
    ]
    return _make(
        "Every cell",
        "Mean accuracy over seeds: area under the learning curve (AULC), its gain over random with the 95 % interval, "
        "rank among the strategies of the cell, accuracy at round 0, in the thirds and at the end, of the pool's most "
        "frequent class (chance) and of a linear probe on the full pool; the median labels to come a share of the way "
        "from chance to the probe (–: half of the seeds or more never do), and the share of seeds that do. Cells whose "
        "probe is not clearly above chance are not ranked.",
        columns,
        table,
    )


def _embeddings(tables: dict[str, pd.DataFrame]) -> Table:
    wide = tables["diagnostics"].pivot(index=SITE, columns="measure", values="value")
    names = list(dict.fromkeys(tables["diagnostics"]["measure"].astype(str)))
    labelled = set(tables["diagnostics"].loc[tables["diagnostics"]["labelled"], "measure"])
    table = tables["probes"][[*SITE, "accuracy", "mteb", "seen"]].merge(wide.reset_index(), on=SITE)
    columns: _Columns = [
        *_SITE,
        _SEEN,
        ("accuracy", "full-pool probe *", "points"),
        ("mteb", "MTEB", "number"),
        *((name, f"{name.replace('_', ' ')}{' *' if name in labelled else ''}", "number") for name in names),
    ]
    note = "Diagnostics of the embedded pool; those with * use labels. MTEB: published average of 56 English tasks."
    return _make("What the embeddings look like", note, columns, table)


def _interval(name: str, label: str, kind: Kind, lo: str = "lo", hi: str = "hi") -> _Columns:
    return [(name, label, kind), (lo, "from", kind), (hi, "to", kind)]


def _make(title: str, note: str, columns: _Columns, table: pd.DataFrame) -> Table:
    made = [Column(*column) for column in columns]
    cells = [_values(table[column.name], column.kind) for column in made]
    return Table(title, note, made, [list(row) for row in zip(*cells, strict=True)])


def _values(column: "pd.Series[Any]", kind: Kind) -> list[Any]:
    if column.name == "seen":
        return [SEEN[str(value)] for value in column]
    if kind == "text":
        return [str(value) for value in column]
    factor = 100 if kind in ("points", "gain") else 1
    return [rounded(factor * value) for value in column.to_numpy(dtype=np.float64)]


def rounded(value: float, digits: int = 5) -> float | int | None:
    """``value`` to so many significant digits, whole numbers as such; None where it is not finite."""
    if not np.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short == int(short) else short
