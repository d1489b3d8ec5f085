"""The evidence a recommendation rests on: one small table of what every arm gained over the default, cell by cell.

An arm is a pool selection followed by a query strategy. Its gain in a cell (task × embedder) is the accuracy averaged
over labels up to a budget (`aulc.aulc`), minus that of the default in the run with the same seed. The default is fixed
beforehand, not chosen by the runs at hand: docs/recommendation.md says why it is the first of `DEFAULTS`; the others
are for grids without it. The table needs nothing else to be read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from nofreelunch.base.arrays import BoolArray, Float64Array
from nofreelunch.base.errors import UserError
from nofreelunch.cells.diagnostics import LABEL_FREE
from nofreelunch.evaluation.aulc import aulc
from nofreelunch.evaluation.quality import SITE
from nofreelunch.evaluation.runs import blocks
from nofreelunch.evaluation.table import EMBEDDER, POOL, STRATEGY, TASK, Column, Table, words

Arm = tuple[str, str]
ARM = ["ips", "strategy"]
DEFAULTS: list[Arm] = [(start, query) for start in ("random", "typiclust") for query in ("badge", "margin", "random")]
GAINS = ["gain", "gain_even", "gain_odd"]
COLUMNS = [*SITE, "budget", *ARM, "default", "gain", "se", "seeds", "gain_even", "gain_odd", *LABEL_FREE]
# A task speaks of budgets up to this factor beyond those it was run with; between them its gains are interpolated.
REACH = 2.0


ARMS = Table(
    "arms",
    "What every pool and strategy gained",
    "A row is the gain of a pool and a strategy over the default in a cell, averaged over labels up to a budget.",
    (
        *(TASK, EMBEDDER, Column("budget", "labels", "count"), POOL, STRATEGY),
        Column("default", "is the default", "flag"),
        Column("gain", "gain", "gain"),
        Column("se", "standard error", "gain"),
        Column("seeds", "seeds", "count"),
        Column("gain_even", "gain in even seeds", "gain"),
        Column("gain_odd", "gain in odd seeds", "gain"),
        *(Column(name, words(name), "number") for name in LABEL_FREE),
    ),
    shown=False,
)


def evidence(frame: pd.DataFrame, diagnostics: pd.DataFrame) -> pd.DataFrame:
    """The evidence of a grid.

    Args:
        frame: `runs.load`.
        diagnostics: `runs.load_diagnostics`.

    Returns:
        `COLUMNS`: dataset, embedder, budget (labels: those after an eighth, a quarter, half and all of the task's
        rounds), ips, strategy, default (whether this is the arm the gains are over), gain (mean over seeds of the
        paired gains, in accuracy), se (its standard error over seeds; NaN for one seed), seeds, gain_even and gain_odd
        (the gain in every other seed, so that an arm can be chosen by the one and judged by the other; NaN for one
        seed), and the cell's label-free diagnostics. No rows where the grid has none of `DEFAULTS`.
    """
    arms = {(str(ips), str(strategy)) for ips, strategy in frame[ARM].drop_duplicates().to_numpy()}
    default = next((arm for arm in DEFAULTS if arm in arms), None)
    if default is None:
        return pd.DataFrame(columns=COLUMNS).astype({"budget": np.int64, "default": bool, "gain": np.float64})
    parts = []
    for keys, labels, values in blocks(frame, "accuracy"):
        named = keys.astype(dict.fromkeys([*SITE, *ARM], str))
        for last in told_rounds(len(labels) - 1):
            areas = named.assign(area=aulc(labels[: last + 1], values[:, : last + 1]))
            wide = areas.pivot(index=[*SITE, *ARM], columns="seed", values="area")
            parts.append(_paired(wide, default).assign(budget=int(labels[last])))
    table = pd.concat(parts, ignore_index=True)
    known = diagnostics.astype(dict.fromkeys(SITE, str)).pivot(index=SITE, columns="measure", values="value")
    order = frame["dataset"].astype("category").cat.categories
    ranks = table["dataset"].map({str(name): rank for rank, name in enumerate(order)})
    table = table.join(known.reindex(columns=LABEL_FREE), on=SITE).assign(rank=ranks)
    return table.sort_values(["rank", "budget"], kind="stable", ignore_index=True)[COLUMNS]


def told_rounds(rounds: int) -> list[int]:
    """The rounds whose labels are budgets: an eighth, a quarter, half and all of them; 0 where there are no rounds."""
    return sorted({-(-rounds // part) for part in (8, 4, 2, 1)})


def _paired(wide: pd.DataFrame, default: Arm) -> pd.DataFrame:
    base = wide.xs(default, level=ARM)
    sites = wide.index.droplevel(ARM)
    gains = wide.to_numpy() - base.loc[sites].to_numpy()
    seeds = gains.shape[1]
    several = seeds > 1
    unknown = np.full(len(gains), np.nan)
    table = wide.index.to_frame(index=False)
    return table.assign(
        default=(table["ips"] == default[0]) & (table["strategy"] == default[1]),
        gain=gains.mean(axis=1).round(12),
        se=gains.std(axis=1, ddof=1) / np.sqrt(seeds) if several else unknown,
        seeds=seeds,
        gain_even=gains[:, ::2].mean(axis=1).round(12) if several else unknown,
        gain_odd=gains[:, 1::2].mean(axis=1).round(12) if several else unknown,
    )


def default_of(table: pd.DataFrame) -> Arm:
    """The arm that the gains of an `evidence` are over."""
    row = table.loc[table["default"].astype(bool), ARM].iloc[0]
    return str(row["ips"]), str(row["strategy"])


def joined(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Two evidences as one; tasks of ``own`` are not taken from ``other``.

    Where their defaults differ, all gains are put over the first of `DEFAULTS` that both have; a standard error of a
    difference that no run was paired for is NaN. Without one in common, ``own`` stays alone.
    """
    rest = other[~other["dataset"].astype(str).isin(set(own["dataset"].astype(str)))]
    if own.empty or rest.empty:
        return rest.reset_index(drop=True) if own.empty else own
    if default_of(own) != default_of(rest):
        shared = [arm for arm in DEFAULTS if arm in _everywhere(own) and arm in _everywhere(rest)]
        if not shared:
            return own
        own, rest = (_over(table, shared[0]) for table in (own, rest))
    plain = [table.astype(dict.fromkeys([*SITE, *ARM], str)) for table in (own, rest)]
    return pd.concat(plain, ignore_index=True)


def _everywhere(table: pd.DataFrame) -> set[Arm]:
    cells = len(table[[*SITE, "budget"]].drop_duplicates())
    counts = table.astype(dict.fromkeys(ARM, str)).groupby(ARM).size()
    return {(str(ips), str(strategy)) for ips, strategy in counts.index[counts == cells]}


def _over(table: pd.DataFrame, default: Arm) -> pd.DataFrame:
    if default_of(table) == default:
        return table
    is_base = (table["ips"] == default[0]) & (table["strategy"] == default[1])
    keys = [*SITE, "budget"]
    base = table[keys].merge(table.loc[is_base, [*keys, *GAINS]], on=keys, how="left", validate="many_to_one")
    moved = {name: table[name].to_numpy() - base[name].to_numpy() for name in GAINS}
    return table.assign(**moved, default=is_base, se=np.where(is_base, 0.0, np.nan))


def budgets(table: pd.DataFrame) -> list[int]:
    """The budgets to judge by: those of the task whose budgets most tasks speak of, of several the longest."""
    ranges = _ranges(table)
    schedules = [sorted(int(budget) for budget in part.unique()) for _, part in _by_task(table, "budget")]
    counts = [sum(len(_speaking(ranges, budget)) for budget in schedule) / len(schedule) for schedule in schedules]
    best = max(range(len(schedules)), key=lambda i: (counts[i], schedules[i][-1]))
    return schedules[best]


@dataclass(frozen=True)
class Cells:
    """The evidence at one budget, as arrays.

    Attributes:
        datasets, embedders: (n,) str, of each cell.
        arms: of the axis of arms.
        default: the index of the default among them.
        gains: (n, arms) over the default; NaN where a cell lacks an arm.
        halves: (2, n, arms) gains in every other seed.
        diagnostics: (n, `LABEL_FREE`); NaN where unknown.
    """

    datasets: npt.NDArray[np.str_]
    embedders: npt.NDArray[np.str_]
    arms: list[Arm]
    default: int
    gains: Float64Array
    halves: Float64Array
    diagnostics: Float64Array

    @property
    def tasks(self) -> list[str]:
        """The datasets, each once, in order."""
        return list(dict.fromkeys(self.datasets.tolist()))

    def kept(self, rows: BoolArray) -> "Cells":
        """Only the cells of ``rows`` ((n,) bool)."""
        return Cells(
            self.datasets[rows],
            self.embedders[rows],
            self.arms,
            self.default,
            self.gains[rows],
            self.halves[:, rows],
            self.diagnostics[rows],
        )

    def split(self) -> "Iterator[tuple[Cells, Cells]]":
        """Each task left out in turn: (the other tasks' cells, its own). Nothing for a single task."""
        for task in self.tasks if len(self.tasks) > 1 else ():
            out = self.datasets == task
            yield self.kept(~out), self.kept(out)


def at_budget(table: pd.DataFrame, budget: int) -> Cells:
    """The cells of the tasks that speak of ``budget``, with gains interpolated between a task's own budgets.

    Outside of a task's budgets, up to a factor of `REACH`, its nearest is taken; further away the task has no say.

    Raises:
        UserError: no task speaks of it.
    """
    ranges = _ranges(table)
    speaking = _speaking(ranges, budget)
    if not speaking:
        low, high = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
        raise UserError(f"no runs say anything about {budget:,} labels; those at hand go from {low:,} to {high:,}.")
    plain = table.astype(dict.fromkeys([*SITE, *ARM], str))
    parts = [_between(part, budget) for name, part in plain.groupby("dataset", sort=False) if name in speaking]
    tall = pd.concat(parts)
    order = [(str(ips), str(strategy)) for ips, strategy in plain[ARM].drop_duplicates().to_numpy()]
    wide = {name: tall[name].unstack(ARM) for name in GAINS}
    sites = tall.index.droplevel(ARM).drop_duplicates()
    arms = [arm for arm in order if arm in wide["gain"].columns]
    gain, even, odd = (wide[name].loc[sites, arms].to_numpy(dtype=np.float64) for name in GAINS)
    known = plain.drop_duplicates(SITE).set_index(SITE)[LABEL_FREE].loc[sites].to_numpy(dtype=np.float64)
    datasets, embedders = (sites.get_level_values(name).to_numpy(dtype=np.str_) for name in SITE)
    return Cells(datasets, embedders, arms, arms.index(default_of(plain)), gain, np.stack([even, odd]), known)


def _between(part: pd.DataFrame, budget: int) -> pd.DataFrame:
    own = np.sort(part["budget"].unique())
    right = min(int(np.searchsorted(own, budget)), len(own) - 1)
    left = max(right - 1, 0) if own[right] > budget else right
    low, high = (part[part["budget"] == own[i]].set_index([*SITE, *ARM])[GAINS] for i in (left, right))
    weight = (budget - own[left]) / (own[right] - own[left]) if left < right else 0.0
    return low * (1 - weight) + high * weight


def _by_task(table: pd.DataFrame, column: str) -> "Sequence[tuple[str, pd.Series[int]]]":
    return [(str(name), part) for name, part in table.groupby("dataset", observed=True, sort=False)[column]]


def _ranges(table: pd.DataFrame) -> dict[str, tuple[int, int]]:
    return {name: (int(part.min()), int(part.max())) for name, part in _by_task(table, "budget")}


def _speaking(ranges: dict[str, tuple[int, int]], budget: int) -> set[str]:
    return {name for name, (low, high) in ranges.items() if low / REACH <= budget <= high * REACH}
