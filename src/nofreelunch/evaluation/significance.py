"""Is the difference between two strategies, or among all, more than chance? Tests whose units are tasks."""

from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import scipy

from nofreelunch.base.arrays import Float64Array
from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import student
from nofreelunch.evaluation.runs import CELL
from nofreelunch.evaluation.table import SCOPE, STRATEGY, Column, Table, hidden, interval
from nofreelunch.evaluation.wins import ALL, scopes

_MOST_FLIPPED, _FLIPS, _SHUFFLES = 14, 20_000, 1999


def t_test(effects: Float64Array) -> tuple[float, float, float]:
    """Student's one-sample t-test (1908) that the mean of (n,) ``effects`` is 0: p (two-sided), 95 % interval.

    (1, NaN, NaN) for fewer than two effects; p is 0 where all are equal and not 0, and 1 where all are 0.
    """
    n, mean = effects.size, float(effects.mean())
    if n < 2:
        return 1.0, float("nan"), float("nan")
    error = float(effects.std(ddof=1)) / np.sqrt(n)
    half = float(student.quantile(0.975, n - 1)) * error
    p = float(2 * student.tail(abs(mean) / error, n - 1)) if error > 0 else float(mean == 0)
    return p, mean - half, mean + half


def sign_flip(effects: Float64Array) -> float:
    """Fisher's randomisation test (1935) that (n,) ``effects`` are symmetric about 0: two-sided p.

    The share of all 2ⁿ ways to set the signs (20,000 at random above n = 14) that give a mean as far from 0 or farther.
    It supposes no normal distribution; p is never below `smallest_sign_flip`.
    """
    n = effects.size
    if n <= _MOST_FLIPPED:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = generator("significance", "signs", n).choice([-1.0, 1.0], size=(_FLIPS, n))
        signs[0] = 1
    sums = np.abs(signs @ effects)
    return float((sums >= np.abs(effects.sum()) - 1e-12 * np.abs(effects).sum()).mean())


def smallest_sign_flip(n: int) -> float:
    """The smallest two-sided p that `sign_flip` of ``n`` effects can give."""
    return 2 / 2**n if n <= _MOST_FLIPPED else 1 / _FLIPS


def rank_biserial(differences: Float64Array) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014): (W₊ − W₋) / (W₊ + W₋) over non-zero differences.

    1 where every difference is positive, −1 where every one is negative, 0 for none.
    """
    moved = differences[differences != 0]
    if not moved.size:
        return 0.0
    ranks = scipy.stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum())


def cohens_dz(differences: Float64Array) -> float:
    """Cohen's d of paired values: mean difference over its standard deviation; NaN where that is 0."""
    deviation = differences.std(ddof=1) if differences.size > 1 else 0.0
    return float(differences.mean() / deviation) if deviation > 0 else float("nan")


def holm(p: Float64Array) -> Float64Array:
    """Holm's step-down adjustment (1979) of ``p`` ((m,)), valid for any dependence between tests."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def task_means(table: pd.DataFrame) -> pd.DataFrame:
    """One row per dataset: the mean over seeds, then over pools, then over embedders; each level weighs equally.

    Seeds of a cell share its rows, and cells of a task its difficulty: only tasks are independent.

    Args:
        table: `wins.paired_scores`.
    """
    for keys in (CELL, CELL[:2], CELL[:1]):
        table = table.groupby(keys, observed=True).mean()
    return table


def merged(table: pd.DataFrame, clones: pd.DataFrame) -> pd.DataFrame:
    """``table`` (`wins.paired_scores`) with clones tied to the first of their kind, and without those that always are.

    Args:
        table: by (dataset, embedder, ips, seed).
        clones: `clones.load_clones`.
    """
    table = table.copy()
    cells = pd.MultiIndex.from_arrays([table.index.get_level_values(name).astype(str) for name in CELL])
    always: dict[str, bool] = {}
    for (clone, first), part in clones.groupby(["strategy", "clone_of"]):
        if clone in table.columns and first in table.columns:
            inside = cells.isin(pd.MultiIndex.from_frame(part[CELL].astype(str)))
            table.loc[inside, clone] = table.loc[inside, first]
            always[clone] = bool(inside.all()) or always.get(clone, False)
    return table[[name for name in table.columns if not always.get(str(name), False)]]


SIGNIFICANCE = Table(
    "significance",
    "Pairs of strategies",
    "A row is the difference in AULC of two strategies over tasks, averaged over seeds, pools and embedders, with its "
    "95 % interval.",
    (
        *(SCOPE, Column("family", "family"), STRATEGY, Column("opponent", "opponent")),
        *interval("difference", "difference", "gain"),
        Column("tasks", "tasks", "count"),
        Column("p", "p", "p"),
        Column("p_holm", "p (Holm)", "p"),
        Column("p_flip", "p (sign flip)", "p"),
        Column("smallest", "smallest p", "p"),
        Column("cohens_dz", "Cohen's d", "number"),
        Column("rank_biserial", "rank-biserial", "number"),
    ),
    "p of Student's t-test over tasks; Holm's correction over the pairs of a family. Sign flip: the exact "
    "randomisation test beside it, which supposes no distribution, and the smallest p that it can give with so many "
    "tasks. Two that pick the same rows everywhere are one.",
)


def pairwise(table: pd.DataFrame, clones: pd.DataFrame) -> pd.DataFrame:
    """Every pair of strategies, over all embedders and per embedder; the units are tasks.

    Args:
        table: `wins.paired_scores`.
        clones: `clones.load_clones`; pairs of two that are the same everywhere are left out.

    Returns:
        scope ('all' or an embedder); family (the question whose pairs share Holm's correction); strategy, opponent;
        tasks; difference (mean over tasks of the difference in AULC) with lo, hi (95 %) and p of `t_test`; p_holm (Holm
        over the family); p_flip (`sign_flip`) and smallest (the smallest p that it could give with so many tasks);
        cohens_dz and rank_biserial over tasks.
    """
    parts = []
    for scope, part in scopes(merged(table, clones)):
        means = task_means(part)
        rows = []
        for strategy, opponent in combinations(means.columns, 2):
            gap = (means[strategy] - means[opponent]).to_numpy()
            p, lo, hi = t_test(gap)
            flip, least = sign_flip(gap), smallest_sign_flip(gap.size)
            effect = (gap.size, gap.mean(), lo, hi, p, flip, least, cohens_dz(gap), rank_biserial(gap))
            rows.append((scope, _family(scope), strategy, opponent, *effect))
        block = pd.DataFrame(rows, columns=_COLUMNS)
        parts.append(block.assign(p_holm=holm(block["p"].to_numpy(dtype=np.float64))))
    return pd.concat(parts, ignore_index=True)


def _family(scope: str) -> str:
    return "which strategies differ" + ("" if scope == ALL else f" with {scope}")


_COLUMNS = ["scope", "family", "strategy", "opponent", "tasks", "difference", "lo", "hi", "p", "p_flip", "smallest"]
_COLUMNS += ["cohens_dz", "rank_biserial"]


@dataclass(frozen=True)
class Friedman:
    """Friedman's test over tasks, with Nemenyi's critical difference (Demšar 2006).

    Attributes:
        tasks: how many were ranked.
        mean_ranks: strategy → mean rank (1 = best).
        statistic: Friedman's χ²; NaN for fewer than three strategies, one task, or all equal.
        p: by permutation of the ranks within tasks, NaN as the statistic.
        critical_difference: two strategies whose mean ranks differ by less are not told apart at ``alpha``.
        largest: the largest difference of two mean ranks that there can be; below the critical one nothing can be told.
    """

    tasks: int
    mean_ranks: dict[str, float]
    statistic: float
    p: float
    critical_difference: float
    largest: float
    alpha: float


def friedman(table: pd.DataFrame, clones: pd.DataFrame, alpha: float = 0.05) -> Friedman:
    """Rank the strategies on every task by mean AULC and ask whether they differ at all.

    χ² only holds for many tasks, so p is the share of `_SHUFFLES` random orders of the ranks within tasks that give as
    large a one (Friedman 1937). The critical difference is q(α; k, ∞) / √2 · √(k (k + 1) / (6 N)) for k strategies and
    N tasks, with q the studentized range.

    Args:
        table: `wins.paired_scores`.
        clones: `clones.load_clones`.
        alpha: of the critical difference.
    """
    means = task_means(merged(table, clones)).round(12)
    tasks, strategies = means.shape
    ranked = scipy.stats.rankdata(-means.to_numpy(), axis=1)
    statistic = p = float("nan")
    if strategies > 2 and tasks > 1 and np.ptp(ranked, axis=1).any():
        statistic = float(scipy.stats.friedmanchisquare(*means.to_numpy().T).statistic)
        rng = generator("significance", "friedman", tasks, strategies)
        shuffled = rng.permuted(np.broadcast_to(ranked, (_SHUFFLES, *ranked.shape)), axis=2)
        p = float((1 + (_squared_rank_sums(shuffled) >= _squared_rank_sums(ranked) - 1e-9).sum()) / (1 + _SHUFFLES))
    critical = float("nan")
    if strategies > 1 and tasks > 0:
        quantile = scipy.stats.studentized_range.ppf(1 - alpha, strategies, np.inf) / np.sqrt(2)
        critical = float(quantile * np.sqrt(strategies * (strategies + 1) / (6 * tasks)))
    mean_ranks = {str(name): float(rank) for name, rank in zip(means.columns, ranked.mean(axis=0), strict=True)}
    return Friedman(tasks, mean_ranks, statistic, p, critical, float(strategies - 1), alpha)


def _squared_rank_sums(ranked: Float64Array) -> Float64Array:
    """What Friedman's χ² grows with: the sum of squared rank sums of (..., tasks, strategies)."""
    return np.asarray((ranked.sum(axis=-2) ** 2).sum(axis=-1))


FRIEDMAN = Table(
    "friedman",
    "Do the strategies differ at all?",
    "A row is Friedman's test on the ranks of the mean AULC on each task.",
    (
        SCOPE,
        Column("tasks", "tasks", "count"),
        Column("statistic", "χ²", "number"),
        Column("p", "p", "p"),
        Column("critical_difference", "critical difference", "number"),
        Column("largest", "largest possible", "number"),
        *hidden("p", alpha="level of the critical difference"),
    ),
    "p by permutation within tasks; strategies whose mean ranks differ by less than Nemenyi's critical difference are "
    "not told apart. Where that is more than the largest difference there can be, there are too few tasks to tell any "
    "two apart.",
)
MEAN_RANKS = Table(
    "mean_ranks",
    "Mean ranks over tasks",
    "A row is the rank of a strategy's mean AULC on each task, averaged over tasks; 1 is best.",
    (SCOPE, STRATEGY, Column("mean_rank", "mean rank", "number"), Column("tasks", "tasks", "count")),
    "Strategies that pick the same rows everywhere stand there once.",
)


def friedman_tables(table: pd.DataFrame, clones: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`friedman` over all embedders and per embedder.

    Returns:
        scope, tasks, statistic, p, critical_difference, largest, alpha; and scope, strategy, tasks, mean_rank.
    """
    tests, places = [], []
    for scope, part in scopes(table):
        result = asdict(friedman(part, clones))
        mean_ranks = result.pop("mean_ranks")
        tests.append({"scope": scope} | result)
        places += [(scope, strategy, result["tasks"], rank) for strategy, rank in mean_ranks.items()]
    return pd.DataFrame(tests), pd.DataFrame(places, columns=["scope", "strategy", "tasks", "mean_rank"])
