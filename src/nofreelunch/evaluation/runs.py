"""All runs of a grid in one tidy frame, checked to be whole."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.base import layout, storage
from nofreelunch.base.arrays import Float64Array
from nofreelunch.base.errors import UserError
from nofreelunch.cells import metrics
from nofreelunch.evaluation.correctness import halves, lift_error, read_correct, share
from nofreelunch.evaluation.table import EMBEDDER, SEEN, TASK, Column, Table
from nofreelunch.params import Grid
from nofreelunch.tasks.counts import ACCOUNT

FACTORS = ["dataset", "embedder", "ips", "strategy"]
CELL = ["dataset", "embedder", "ips"]
RUN = [*FACTORS, "seed"]
METRICS = list(metrics.METRICS)
# What a linear probe on the full pool has, the targets of learning.
SCORES = METRICS[:3]
# Accuracy on the half of the test rows that no measure of embedding quality has seen.
HELD = "held_accuracy"
AREAS = [*SCORES, HELD]
BASELINE = "random"
_KEYS = ("ips", "strategy", "seed", "round")


def load(grid: Grid) -> pd.DataFrame:
    """The runs of every (dataset, embedder) of ``grid``, in grid order.

    Returns:
        One row per (dataset, embedder, ips, strategy, seed, round), sorted by them; these first four columns
        are categorical in the order of the grid. Then labels (int64), the columns of `METRICS` (float64),
        classes_seen and filled (int64) and `HELD` (float64). Rows outside the grid are left out.

    Raises:
        UserError: a file or a run is missing, stands there twice, or breaks off before the others.
    """
    frame = _stack(grid, layout.runs, (*_KEYS, "labels", *METRICS, "classes_seen", "filled"))
    check(frame, grid)
    parts = [_held(part) for _, part in frame.groupby(["dataset", "embedder"], observed=True, sort=False)]
    return frame.drop(columns="place").assign(**{HELD: pd.concat(parts)})


PROBES = Table(
    "probes",
    "Full-pool probes",
    "A row is what a linear probe on the whole pool reaches with an embedder on a task.",
    (
        *(TASK, EMBEDDER, SEEN),
        *(Column(name, name.replace("_", " "), "points") for name in AREAS),
        *(Column(f"chance_{name}", f"{name.replace('_', ' ')} of the most frequent class", "points") for name in AREAS),
        Column("quality", "accuracy on the test rows that no outcome rests on", "points"),
        Column("lift_error", "standard error of the accuracy above chance", "points"),
        Column("test_rows", "test rows", "count"),
        Column("mteb", "MTEB", "number"),
    ),
    shown=False,
)


def load_probes(grid: Grid) -> pd.DataFrame:
    """Between what the curves of a cell run: the full-pool probe, and chance, which is the pool's most frequent class.

    Returns:
        dataset, embedder (categorical), `AREAS` of the probe, chance_<metric> of each; quality (the probe's accuracy on
        the half of the test rows that `HELD` leaves out), lift_error (`correctness.lift_error`), test_rows.

    Raises:
        UserError: a file is missing, or was written before it held what is needed.
    """
    frame = pd.DataFrame([_probe(dataset, embedder) for dataset in grid.datasets for embedder in grid.embedders])
    return _categorise(frame, {"dataset": grid.datasets, "embedder": grid.embedders})


DIAGNOSTICS = Table(
    "diagnostics",
    "Diagnostics of the embedded pool",
    "A row is a measure of a pool as an embedder sees it.",
    (
        TASK,
        EMBEDDER,
        Column("measure", "measure"),
        Column("labelled", "uses labels", "flag"),
        Column("value", "value", "number"),
    ),
    shown=False,
)


def load_diagnostics(grid: Grid) -> pd.DataFrame:
    """What the embeddings look like: dataset, embedder (categorical), measure, labelled (bool), value (NaN: undefined).

    Raises:
        UserError: a file is missing.
    """
    rows = []
    for dataset in grid.datasets:
        for embedder in grid.embedders:
            found = storage.read_json(layout.diagnostics(dataset, embedder))
            for kind in ("label_free", "labelled"):
                for measure, value in found[kind].items():
                    number = np.nan if value is None else float(value)
                    rows.append((dataset, embedder, measure, kind == "labelled", number))
    frame = pd.DataFrame(rows, columns=["dataset", "embedder", "measure", "labelled", "value"])
    return _categorise(frame, {"dataset": grid.datasets, "embedder": grid.embedders})


TASKS = Table(
    "tasks",
    "Tasks, and what became of their rows",
    "A row is a task with its size, and the numbers of rows that were read and left out.",
    (
        TASK,
        *(Column(name, label, "count") for name, label in ACCOUNT.items()),
    ),
    "Left out: incomplete rows (no text or label), duplicates (a text that came before), pool rows with the text of a "
    "test row, rows over the caps. – where the task was built, or its origin is not at hand.",
)


def load_tasks(grid: Grid) -> pd.DataFrame:
    """How large the tasks of ``grid`` are, and what became of the rows that were read for them.

    Returns:
        dataset (categorical), and the columns of `counts.ACCOUNT` (float64; NaN where unknown).

    Raises:
        UserError: a file is missing.
    """
    found = [
        storage.read_json(layout.probe(dataset, grid.embedders[0])).get("account", {}) for dataset in grid.datasets
    ]
    table = pd.DataFrame(
        [{name: float(one.get(name, np.nan)) for name in ACCOUNT} for one in found], columns=[*ACCOUNT]
    )
    return _categorise(table.assign(dataset=grid.datasets)[["dataset", *ACCOUNT]], {"dataset": grid.datasets})


def check(frame: pd.DataFrame, grid: Grid) -> None:
    """Refuse runs from which no fair comparison can be made.

    Raises:
        UserError: a run that is missing, doubled or shorter than the others of its dataset; labels that differ
            between runs of a dataset in the same round; a metric that is not finite.
    """
    doubled = frame.duplicated([*RUN, "round"])
    if doubled.any():
        raise UserError(f"runs that stand there twice: {_name(frame.loc[doubled, RUN])}. {_MEND}")
    axes = [grid.datasets, grid.embedders, grid.pools, grid.strategies, range(grid.seeds)]
    expected = pd.MultiIndex.from_product(axes, names=RUN)
    rounds = frame.astype(dict.fromkeys(FACTORS, object)).groupby(RUN)["round"].agg(["size", "max"])
    missing = expected.difference(rounds.index, sort=False)
    if len(missing):
        raise UserError(f"{len(missing)} of {len(expected)} runs are missing: {_name(missing.to_frame())}. {_MEND}")
    full = rounds.groupby("dataset")["size"].transform("max")
    short = (rounds["size"] != full) | (rounds["max"] != full - 1)
    if short.any():
        raise UserError(f"runs with rounds missing: {_name(rounds[short].reset_index()[RUN])}. {_MEND}")
    uneven = frame.groupby(["dataset", "round"], observed=True)["labels"].nunique() > 1
    if uneven.any():
        where = ", ".join(f"{dataset} round {number}" for dataset, number in uneven[uneven].index[:5])
        raise UserError(f"runs of one dataset differ in the number of labels: {where}. {_MEND}")
    wild = ~np.isfinite(frame[METRICS].to_numpy())
    if wild.any():
        columns = ", ".join(np.array(METRICS)[wild.any(axis=0)])
        raise UserError(f"values of {columns} are not finite in: {_name(frame.loc[wild.any(axis=1), RUN])}. {_MEND}")


def blocks(frame: pd.DataFrame, metric: str) -> Iterator[tuple[pd.DataFrame, Float64Array, Float64Array]]:
    """Per dataset: the keys of its runs (`RUN`), its labels (R,) and ``metric`` as a matrix (runs, R)."""
    for _, part in frame.groupby("dataset", observed=True):
        rounds = int(part["round"].max()) + 1
        labels = part["labels"].to_numpy(dtype=np.float64)[:rounds]
        keys = part.loc[part["round"] == 0, RUN].reset_index(drop=True)
        yield keys, labels, part[metric].to_numpy(dtype=np.float64).reshape(-1, rounds)


_MEND = "Run 'dvc repro active_learn' to compute them anew."


def _name(rows: pd.DataFrame) -> str:
    unique = rows.drop_duplicates()
    names = ["/".join(str(part) for part in row) for row in unique.head(5).itertuples(index=False)]
    rest = len(unique) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "") + " (dataset/embedder/ips/strategy/seed)"


def _probe(dataset: str, embedder: str) -> dict[str, Any]:
    path, correct = layout.probe(dataset, embedder), read_correct(dataset, embedder)
    found = storage.read_json(path)
    quality, held = halves(dataset, correct.rows)
    return {
        "dataset": dataset,
        "embedder": embedder,
        **{name: float(found[name]) for name in SCORES},
        HELD: float(share(correct.probe, held)),
        **{f"chance_{name}": float(found["chance"][name]) for name in SCORES},
        f"chance_{HELD}": float(share(correct.chance, held)),
        "quality": float(share(correct.probe, quality)),
        "lift_error": lift_error(correct),
        "test_rows": correct.rows,
    }


def _held(part: pd.DataFrame) -> "pd.Series[float]":
    dataset, embedder = str(part["dataset"].iloc[0]), str(part["embedder"].iloc[0])
    correct = read_correct(dataset, embedder)
    if len(correct.runs) <= part["place"].max():
        raise UserError(
            f"{layout.correct(dataset, embedder)} is of other runs than {layout.runs(dataset, embedder)}. "
            f"Run 'dvc repro -f active_learn@{dataset}-{embedder}'."
        )
    held = share(correct.runs, halves(dataset, correct.rows)[1])
    return pd.Series(held[part["place"].to_numpy()], part.index)


def _stack(grid: Grid, path: Callable[[str, str], Path], columns: tuple[str, ...]) -> pd.DataFrame:
    """The tables of all cells in grid order; place is a row's number in its own file."""
    parts = []
    for dataset in grid.datasets:
        for embedder in grid.embedders:
            table = storage.read_table(path(dataset, embedder), columns)
            part = pd.DataFrame({name: table[name] for name in columns})
            part["place"] = np.arange(len(part))
            part.insert(0, "dataset", dataset)
            part.insert(1, "embedder", embedder)
            parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    names = {
        "dataset": grid.datasets,
        "embedder": grid.embedders,
        "ips": grid.pools,
        "strategy": grid.strategies,
    }
    inside = frame["seed"] < grid.seeds
    for factor, legal in names.items():
        inside &= frame[factor].isin(legal)
    frame = _categorise(frame[inside], names)
    return frame.sort_values([*RUN, "round"], ignore_index=True)


def _categorise(frame: pd.DataFrame, names: dict[str, list[str]]) -> pd.DataFrame:
    return frame.assign(**{factor: pd.Categorical(frame[factor], categories=legal) for factor, legal in names.items()})
