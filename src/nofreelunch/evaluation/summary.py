"""Everything the aggregate stage writes: the metrics files, the tables, and the curves that DVC plots."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nofreelunch.base import layout, storage
from nofreelunch.base.registry import Known
from nofreelunch.evaluation.arms import ARMS, evidence
from nofreelunch.evaluation.aulc import AULC, run_areas
from nofreelunch.evaluation.claims import judge
from nofreelunch.evaluation.clones import CLONES
from nofreelunch.evaluation.curves import CURVES, DIFFERENCES, curves, differences
from nofreelunch.evaluation.embedders import EMBEDDERS, embedders
from nofreelunch.evaluation.explanations import EXPLANATIONS, explain
from nofreelunch.evaluation.filled import FILLED, filled
from nofreelunch.evaluation.finite import finite
from nofreelunch.evaluation.gains import POOL_GAINS, STRATEGY_GAINS, pool_gains, strategy_gains
from nofreelunch.evaluation.picks import PICKS
from nofreelunch.evaluation.policies import ADVICE, DEFAULTS, POLICIES, advice, averages, policies
from nofreelunch.evaluation.printed import claims_table, with_seen, write_csv, write_printed
from nofreelunch.evaluation.quality import QUALITY, correlations, gained, measures, outcomes
from nofreelunch.evaluation.runs import DIAGNOSTICS, PROBES, TASKS
from nofreelunch.evaluation.significance import FRIEDMAN, MEAN_RANKS, SIGNIFICANCE, friedman_tables, pairwise
from nofreelunch.evaluation.wins import (
    PEAKS,
    RANKS,
    ROBUSTNESS,
    WINS,
    paired_scores,
    peaks,
    ranked_cells,
    ranks,
    robustness,
    win_table,
)

# In the order in which the report names them.
DECLARED = (
    *(EMBEDDERS, TASKS),
    *(CURVES, DIFFERENCES, AULC, STRATEGY_GAINS, POOL_GAINS, RANKS, ROBUSTNESS, WINS, PEAKS, CLONES, FILLED),
    *(SIGNIFICANCE, FRIEDMAN, MEAN_RANKS, PROBES, DIAGNOSTICS, QUALITY, EXPLANATIONS),
    *(ARMS, DEFAULTS, ADVICE, POLICIES, PICKS),
)
TABLES = {table.name: table for table in DECLARED}
# Those that `recommend` learns from.
EVIDENCE = ("arms",)
_DIGITS = 5
_ABOUT = """# Tables of the summary

Each as parquet and CSV, and those that are not too long as Markdown and LaTeX, of accuracy alone. `claims` holds the
claims of the paper with their tests. Shares run from 0 to 1; the report shows them as points, times 100.
"""
NOTHING = Known()


@dataclass(frozen=True)
class Summary:
    """What the runs of a grid come to.

    Attributes:
        metrics: embedder → nested numbers; the same keys for every embedder.
        focus: dataset → strategy → accuracy AULC of the focus embedder, averaged over pools and seeds.
        tables: the names of `TABLES` → frames; their columns are told by the functions that make them.
        claims: `claims.judge`.
        plot: accuracy curves of the focus embedder: dataset, ips, strategy, labels, mean, lo, hi.
    """

    metrics: dict[str, dict[str, Any]]
    focus: dict[str, dict[str, float]]
    tables: dict[str, pd.DataFrame]
    claims: list[dict[str, Any]]
    plot: pd.DataFrame


def summarise(
    frame: pd.DataFrame,
    probes: pd.DataFrame,
    diagnostics: pd.DataFrame,
    picks: pd.DataFrame,
    clones: pd.DataFrame,
    focus: str,
    known: Known = NOTHING,
    intervals: dict[str, pd.DataFrame] | None = None,
    tasks: pd.DataFrame | None = None,
) -> Summary:
    """Summarise the runs of a grid.

    Args:
        frame: `runs.load`.
        probes: `runs.load_probes`.
        diagnostics: `runs.load_diagnostics`.
        picks: `picks.load_picks` of the focus embedder.
        clones: `clones.load_clones`.
        focus: the embedder to show in metrics/focus.json and the DVC plots.
        known: published facts of the grid's entries.
        intervals: `finite.load_finite`; without it intervals are over seeds alone.
        tasks: `runs.load_tasks`.
    """
    published = pd.Series([known.mteb.get(str(name)) for name in probes["embedder"]], probes.index, dtype=float)
    probes = probes.assign(mteb=published)
    areas = run_areas(frame, probes)
    paired = paired_scores(areas)
    known_cells = ranked_cells(frame, paired)
    gains, starts, placed = strategy_gains(areas), pool_gains(areas), ranks(areas, clones)
    tests, mean_ranks = friedman_tables(paired, clones)
    found, reached, arms = measures(probes, diagnostics), outcomes(areas, gains, starts), evidence(frame, diagnostics)
    said = advice(arms)
    tables = {
        "embedders": embedders(areas, starts, placed, known),
        "tasks": pd.DataFrame(columns=[column.name for column in TASKS.columns]) if tasks is None else tasks,
        "curves": curves(frame),
        "differences": differences(frame),
        "aulc": areas,
        "strategy_gains": gains,
        "pool_gains": starts,
        "ranks": placed,
        "robustness": robustness(placed),
        "wins": win_table(known_cells, clones),
        "peaks": peaks(known_cells, clones),
        "clones": clones,
        "filled": filled(frame),
        "significance": pairwise(paired, clones),
        "friedman": tests,
        "mean_ranks": mean_ranks,
        "probes": probes,
        "diagnostics": diagnostics,
        "quality": correlations(found, reached).assign(k0=_k0(frame)),
        "explanations": explain(found, gained(reached)),
        "arms": arms,
        "defaults": averages(arms),
        "advice": said,
        "policies": policies(said),
        "picks": picks,
    }
    tables |= {name: finite(tables[name], found) for name, found in (intervals or {}).items()}
    claims = judge(tables)
    flagged = tables | {name: with_seen(tables[name], known.marks) for name, table in TABLES.items() if table.marked}
    return Summary(_metrics(tables), _focus(placed, focus), flagged, claims, _plot(tables["curves"], focus))


def write(summary: Summary, place: layout.Results = layout.HERE) -> None:
    """Write the metrics (*.json), the curves that DVC plots, the evidence, and the summary: README.md,
    <table>.{parquet,csv,md,tex} and claims.{json,md,tex}."""
    for embedder, values in summary.metrics.items():
        storage.write_json(place.metrics / f"{embedder}.json", values)
    storage.write_json(place.metrics / "focus.json", summary.focus)
    for name, table in summary.tables.items():
        storage.write_table(place.summary / f"{name}.parquet", _plain(table))
        write_csv(table, place.summary / f"{name}.csv")
        if TABLES[name].printed:
            write_printed(table, place.summary / name)
    write_printed(claims_table(summary.claims), place.summary / "claims")
    storage.write_json(place.summary / "claims.json", summary.claims)
    _write_text(place.summary / "README.md", "\n".join([_ABOUT, *(table.described() for table in DECLARED)]))
    write_csv(summary.plot, place.curves)
    for name in EVIDENCE:
        storage.write_table(place.evidence / f"{name}.parquet", _plain(summary.tables[name]))


def read_tables(folder: Path = layout.SUMMARY) -> dict[str, pd.DataFrame]:
    """The tables that `write` left in ``folder``; text is categorical in order of appearance.

    Raises:
        UserError: a table is missing.
    """
    return {name: read_table(name, folder) for name in TABLES}


def read_table(name: str, folder: Path = layout.SUMMARY) -> pd.DataFrame:
    """One table of `read_tables`; one of ``EVIDENCE`` where ``folder`` holds only these."""
    table = pd.DataFrame(storage.read_table(folder / f"{name}.parquet"))
    for column in table.select_dtypes(["object", "string"]).columns:
        table[column] = pd.Categorical(table[column], categories=table[column].unique())
    return table


def read_claims(folder: Path = layout.SUMMARY) -> list[dict[str, Any]]:
    """`claims.judge` as `write` left it.

    Raises:
        UserError: the file is missing.
    """
    return list(storage.read_json(folder / "claims.json"))


def _metrics(tables: dict[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """Few numbers, so that `dvc metrics show` fits a screen: means over tasks, pools and seeds of accuracy."""
    probes = tables["probes"]
    accuracy = {name: tables[name][tables[name]["metric"] == "accuracy"] for name in ("aulc", "ranks", "pool_gains")}
    at_start = accuracy["pool_gains"][accuracy["pool_gains"]["phase"] == "initial"]
    metrics = {}
    for embedder in probes["embedder"].cat.categories:
        areas = _of(accuracy["aulc"], embedder)
        gain = _means(_of(accuracy["ranks"], embedder), "strategy", "gain")
        metrics[embedder] = {
            # Without it, numbers of different grids would look alike.
            "tasks": len(probes["dataset"].cat.categories),
            "probe": _rounded(_of(probes, embedder)["accuracy"].mean()),
            **{name: _rounded(areas[name].mean()) for name in ("initial", "aulc", "final", "headroom")},
            "pool_gain": _means(_of(at_start, embedder), "ips", "mean"),
            "gain": {name: value for name, value in gain.items() if name != "random"},
        }
    return metrics


def _focus(placed: pd.DataFrame, focus: str) -> dict[str, dict[str, float]]:
    own = _of(placed[placed["metric"] == "accuracy"], focus)
    return {str(dataset): _means(part, "strategy", "aulc") for dataset, part in own.groupby("dataset", observed=True)}


def _plot(table: pd.DataFrame, focus: str) -> pd.DataFrame:
    own = _of(table[table["metric"] == "accuracy"], focus)
    plot = own[["dataset", "ips", "strategy", "labels", "mean", "lo", "hi"]]
    # One seed has no interval; a band of no width is what Vega can draw.
    return plot.assign(lo=plot["lo"].fillna(plot["mean"]), hi=plot["hi"].fillna(plot["mean"]))


def _k0(frame: pd.DataFrame) -> str:
    first = frame.loc[frame["round"] == 0, "labels"]
    low, high = int(first.min()), int(first.max())
    return str(low) if low == high else f"{low}–{high}"


def _of(table: pd.DataFrame, embedder: str) -> pd.DataFrame:
    return table[table["embedder"] == embedder]


def _means(table: pd.DataFrame, by: str, column: str) -> dict[str, float]:
    means = table.groupby(by, observed=True)[column].mean()
    return {str(name): _rounded(value) for name, value in means.items()}


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)


def _plain(table: pd.DataFrame) -> dict[str, Any]:
    return {
        str(name): column.to_numpy() if column.dtype.kind in "iufb" else column.astype(object).to_numpy()
        for name, column in table.items()
    }


def _write_text(path: Path, text: str) -> None:
    with storage.atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
