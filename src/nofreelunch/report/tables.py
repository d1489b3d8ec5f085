"""The report's tables: those of the summary that it shows, and two that it joins of others."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.cells.diagnostics import LABEL_FREE, LABELLED
from nofreelunch.evaluation.aulc import PHASE_NAMES, SHARES, arrivals
from nofreelunch.evaluation.quality import SITE
from nofreelunch.evaluation.runs import FACTORS
from nofreelunch.evaluation.summary import DECLARED
from nofreelunch.evaluation.table import EMBEDDER, POOL, SEEN, STRATEGY, TASK, Column, Kind, Table, words

WORDS_OF_SEEN = {"yes": "trained on", "related": "related", "no": "unseen", "unknown": "unknown"}
_PHASES = ("initial", "early", "middle", "late", "final")

CELLS = Table(
    "cells",
    "Every cell",
    "A row is a strategy on a task with an embedder from an initial pool, mean over seeds.",
    (
        *(TASK, EMBEDDER, SEEN, POOL, STRATEGY),
        Column("aulc", "AULC", "points"),
        Column("gain", "gain over random", "gain"),
        Column("lo", "from", "gain"),
        Column("hi", "to", "gain"),
        Column("rank", "rank", "number"),
        Column("regret", "regret", "points"),
        Column("clone_of", "same picks as"),
        Column("filled", "drawn at random", "share"),
        *(Column(name, PHASE_NAMES[name], "points") for name in _PHASES),
        Column("chance", "chance", "points"),
        Column("probe", "full pool", "points"),
        Column("headroom", "headroom", "points"),
        *(
            column
            for share in SHARES
            for column in (
                Column(f"labels_to_{share}", f"labels to {share} %", "count"),
                Column(f"arrived_{share}", f"got to {share} %", "share"),
            )
        ),
    ),
    "Accuracy: area under the learning curve (AULC), its gain over random with the 95 % interval, rank among the "
    "strategies of the cell, accuracy at round 0, in the thirds and at the end, of the pool's most frequent class "
    "(chance) and of a linear probe on the full pool; the median labels to come a share of the way from chance to the "
    "probe (–: half of the seeds or more never do), and the share of seeds that do. Drawn at random: the share of its "
    "picks that a strategy did not choose, for want of rows that it would. Cells whose probe is not clearly above "
    "chance are not ranked.",
)
EMBEDDINGS = Table(
    "embeddings",
    "What the embeddings look like",
    "A row is a task's pool as an embedder sees it.",
    (
        *(TASK, EMBEDDER, SEEN),
        Column("accuracy", "full-pool probe *", "points"),
        Column("mteb", "MTEB", "number"),
        *(Column(name, words(name), "number") for name in LABEL_FREE),
        *(Column(name, f"{words(name)} *", "number") for name in LABELLED),
    ),
    "Those with * use labels. MTEB: published average of 56 English tasks.",
)


@dataclass(frozen=True)
class Shown:
    """A table as the page gets it.

    Attributes:
        title, sentence, note: as declared.
        columns: from left to right.
        rows: one list of values per row; None where there is none; points and gains are times 100.
    """

    title: str
    sentence: str
    note: str
    columns: list[dict[str, str]]
    rows: list[list[Any]]

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def report_tables(tables: dict[str, pd.DataFrame]) -> dict[str, Shown]:
    """Every table of the report, of accuracy, from `evaluation.summary.read_tables`."""
    frames = tables | {"cells": _cells(tables), "embeddings": _embeddings(tables)}
    declared = [CELLS, *(table for table in DECLARED if table.shown), EMBEDDINGS]
    return {table.name: shown(table, frames[table.name]) for table in declared}


def shown(table: Table, frame: pd.DataFrame) -> Shown:
    """The rows of ``frame`` that are of accuracy, or of no metric, in the columns that ``table`` shows."""
    own = frame[frame["metric"] == "accuracy"] if "metric" in frame else frame
    columns = [found for column in table.columns if column.shown for found in column.over(list(map(str, frame)))]
    values = [_values(own[column.name], column.kind) for column in columns]
    heads = [{"name": column.name, "label": column.label, "kind": column.kind} for column in columns]
    return Shown(table.title, table.sentence, table.note, heads, [list(row) for row in zip(*values, strict=True)])


def _cells(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    accuracy = {
        name: tables[name][tables[name]["metric"] == "accuracy"] for name in ("aulc", "ranks", "strategy_gains")
    }
    numbers = ["aulc", "chance", "probe", "headroom", *_PHASES]
    means = accuracy["aulc"].groupby(FACTORS, observed=True)[numbers].mean().reset_index()
    means = means.merge(arrivals(accuracy["aulc"], FACTORS), on=FACTORS)
    table = means.merge(accuracy["ranks"][[*FACTORS, "rank", "gain", "regret", "clone_of", "seen"]], on=FACTORS)
    return table.merge(accuracy["strategy_gains"][[*FACTORS, "lo", "hi"]], on=FACTORS, how="left").merge(
        tables["filled"][[*FACTORS, "filled"]], on=FACTORS, how="left"
    )


def _embeddings(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    wide = tables["diagnostics"].pivot(index=SITE, columns="measure", values="value")
    return tables["probes"][[*SITE, "accuracy", "mteb", "seen"]].merge(wide.reset_index(), on=SITE)


def _values(column: "pd.Series[Any]", kind: Kind) -> list[Any]:
    if column.name == "seen":
        return [WORDS_OF_SEEN[str(value)] for value in column]
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
