"""All that a summary is made of, collected from the files of the cells, and kept as a few small files to ship.

Accuracies are kept as they are. What has many digits without meaning (`ROUNDED`) is kept to `DIGITS` decimals, far
below what one test row changes, which makes the files a third of the size. A summary of what was kept may differ from
one of the cells in later digits; whoever ships both makes the summary of what is kept.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from nofreelunch.base import storage
from nofreelunch.evaluation.clones import load_clones
from nofreelunch.evaluation.finite import load_finite
from nofreelunch.evaluation.picks import load_picks
from nofreelunch.evaluation.runs import check, load, load_diagnostics, load_probes, load_tasks
from nofreelunch.evaluation.summary import Summary, summarise
from nofreelunch.params import Grid, Params

DIGITS = 4
ROUNDED = ("balanced_accuracy", "macro_f1", "nll", "ece", "x", "y", "lo", "hi")
INTERVALS = "interval_"


@dataclass(frozen=True)
class Collected:
    """The arguments of `summary.summarise` that come from runs.

    Attributes:
        runs: `runs.load`.
        probes: `runs.load_probes`.
        diagnostics: `runs.load_diagnostics`.
        picks: `picks.load_picks` of the focus embedder.
        clones: `clones.load_clones`.
        tasks: `runs.load_tasks`.
        intervals: `finite.load_finite`.
    """

    runs: pd.DataFrame
    probes: pd.DataFrame
    diagnostics: pd.DataFrame
    picks: pd.DataFrame
    clones: pd.DataFrame
    tasks: pd.DataFrame
    intervals: dict[str, pd.DataFrame]


def collect(grid: Grid, focus: str) -> Collected:
    """What the cells of ``grid`` left under data/runs.

    Raises:
        UserError: a file or a run is missing.
    """
    return Collected(
        load(grid),
        load_probes(grid),
        load_diagnostics(grid),
        load_picks(grid, focus),
        load_clones(grid),
        load_tasks(grid),
        load_finite(grid),
    )


def summary_of(collected: Collected, params: Params) -> Summary:
    """`summary.summarise`."""
    return summarise(
        collected.runs,
        collected.probes,
        collected.diagnostics,
        collected.picks,
        collected.clones,
        params.focus.embedder,
        params.known(),
        collected.intervals,
        collected.tasks,
    )


def keep(collected: Collected, folder: Path) -> None:
    """Write ``folder``/<field>.parquet for every field, and interval_<table>.parquet."""
    for name, table in _frames(collected).items():
        short = table.round(dict.fromkeys(ROUNDED, DIGITS))
        columns = short.astype(dict.fromkeys(short.select_dtypes("category").columns, object))
        storage.write_table(folder / f"{name}.parquet", {str(key): columns[key].to_numpy() for key in columns})


def kept(folder: Path, grid: Grid) -> Collected:
    """What `keep` left in ``folder``.

    Raises:
        UserError: a file or a run of ``grid`` is missing.
    """
    found = {name: _read(folder / f"{name}.parquet", grid) for name in _single()}
    check(found["runs"], grid)
    intervals = {
        path.stem.removeprefix(INTERVALS): pd.DataFrame(storage.read_table(path))
        for path in sorted(folder.glob(f"{INTERVALS}*.parquet"))
    }
    return Collected(**found, intervals=intervals)


def _single() -> list[str]:
    return [field.name for field in fields(Collected) if field.name != "intervals"]


def _frames(collected: Collected) -> dict[str, pd.DataFrame]:
    single = {name: getattr(collected, name) for name in _single()}
    return single | {INTERVALS + name: table for name, table in collected.intervals.items()}


def _read(path: Path, grid: Grid) -> pd.DataFrame:
    """One table of a `Collected`, without rows outside the grid."""
    table = pd.DataFrame(storage.read_table(path))
    # The pool itself is drawn under no strategy's name.
    strategies = ["", *grid.strategies] if path.stem == "picks" else grid.strategies
    axes = {"dataset": grid.datasets, "embedder": grid.embedders, "ips": grid.pools, "strategy": strategies}
    legal = {name: names for name, names in axes.items() if name in table}
    inside = table.isin(legal)[list(legal)].all(axis=1)
    if "seed" in table:
        inside &= table["seed"] < grid.seeds
    table = table[inside].reset_index(drop=True)
    if path.stem == "clones":
        return table.astype(object)
    return table.assign(**{name: pd.Categorical(table[name], categories=names) for name, names in legal.items()})
