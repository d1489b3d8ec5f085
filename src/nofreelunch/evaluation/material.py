"""What the tests of claims rest on, and the means over it that they take."""

from dataclasses import dataclass

import pandas as pd

from nofreelunch.evaluation.claim_test import NotTestableError


@dataclass(frozen=True)
class Material:
    """What the tests rest on; accuracy only.

    Attributes:
        scores: `aulc.run_areas`.
        pool_gains: `gains.pool_gains`.
        strategy_gains: `gains.strategy_gains`.
        ranks: `wins.ranks`.
        probes: `runs.load_probes`.
        peaks: `wins.peaks`.
        clones: `clones.load_clones`.
        held: scores, pool_gains and strategy_gains of accuracy on the half of the test rows that quality has not seen.
    """

    scores: pd.DataFrame
    pool_gains: pd.DataFrame
    strategy_gains: pd.DataFrame
    ranks: pd.DataFrame
    probes: pd.DataFrame
    peaks: pd.DataFrame
    clones: pd.DataFrame
    held: dict[str, pd.DataFrame]


def need(table: pd.DataFrame, factor: str, *names: str) -> None:
    """Refuse a test that needs ``names`` of a factor.

    Raises:
        NotTestableError: the grid has not all of them.
    """
    absent = [name for name in names if name not in set(table[factor])]
    if absent:
        raise NotTestableError(f"needs {factor} {' and '.join(absent)} in the grid")


def by_dataset(table: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Means of ``column`` by dataset."""
    return table.groupby("dataset", observed=True)[column].mean()


def by_site(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Means of ``column``, datasets × embedders."""
    return table.groupby(["dataset", "embedder"], observed=True)[column].mean().unstack("embedder")


def quality_by_site(material: Material) -> pd.DataFrame:
    """Probe accuracies on the half of the test rows that nothing else is measured on, datasets × embedders."""
    return by_site(material.probes, "quality")


def gains_of_pool(table: pd.DataFrame, ips: str, phase: str) -> pd.DataFrame:
    """Rows of a pool selection in a phase."""
    need(table, "ips", ips)
    return table[(table["ips"] == ips) & (table["phase"] == phase)]


def gains_of_strategy(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of a strategy."""
    need(table, "strategy", name)
    return table[table["strategy"] == name]
