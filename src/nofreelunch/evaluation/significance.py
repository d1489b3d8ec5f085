"""Is the difference between two strategies, or among all, more than chance? Tests with effect sizes."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation.intervals import DRAWS, bootstrap_interval, resamples
from nofreelunch.evaluation.runs import CELL
from nofreelunch.evaluation.wins import scopes

FloatArray = npt.NDArray[np.float64]


def wilcoxon(differences: FloatArray) -> tuple[float, float]:
    """Two-sided Wilcoxon signed-rank test that paired ``differences`` are symmetric about 0.

    Zeros are left out (Wilcoxon's own rule). p is exact for up to 50 differences, otherwise normal.

    Returns:
        The statistic (the smaller rank sum) and p; (0, 1) where all differences are zero.
    """
    if not np.any(differences):
        return 0.0, 1.0
    result = stats.wilcoxon(differences, zero_method="wilcox")
    return float(result.statistic), float(result.pvalue)


def rank_biserial(differences: FloatArray) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014): (W₊ − W₋) / (W₊ + W₋) over non-zero differences.

    1 where every difference is positive, −1 where every one is negative, 0 for none.
    """
    moved = differences[differences != 0]
    if not moved.size:
        return 0.0
    ranks = stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum())


def cohens_dz(differences: FloatArray) -> float:
    """Cohen's d of paired values: mean difference over its standard deviation; NaN where that is 0."""
    deviation = differences.std(ddof=1) if differences.size > 1 else 0.0
    return float(differences.mean() / deviation) if deviation > 0 else float("nan")


def holm(p: FloatArray) -> FloatArray:
    """Holm's step-down adjustment (1979) of ``p`` ((m,)), valid for any dependence between tests."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def pairwise(table: pd.DataFrame) -> pd.DataFrame:
    """Every pair of strategies, over all cells and per embedder, by seed and by cell.

    Args:
        table: `wins.paired_scores`.

    Returns:
        scope ('all' or an embedder); unit: 'seed' takes each (dataset, embedder, ips, seed) as one pair,
        which asks whether these very cells differ; 'cell' takes the mean over seeds of each (dataset,
        embedder, ips), which asks whether cells like these differ and is the cautious one; strategy,
        opponent; n pairs; difference (mean AULC of strategy − opponent) with lo, hi (95 % percentile
        bootstrap over whole cells); rank_biserial; cohens_dz; statistic and p (Wilcoxon); p_holm (Holm over
        the pairs of scope and unit).
    """
    parts = []
    for scope, part in scopes(table):
        means = part.groupby(CELL, observed=True).mean()
        counts = resamples(len(means), DRAWS, generator("significance", scope))
        for unit, values in (("seed", part), ("cell", means)):
            rows = []
            for strategy, opponent in combinations(values.columns, 2):
                gap = (values[strategy] - values[opponent]).to_numpy()
                cell_gap = (means[strategy] - means[opponent]).to_numpy()
                lo, hi = bootstrap_interval(counts @ cell_gap / len(means))
                effect = (gap.size, gap.mean(), lo, hi, rank_biserial(gap), cohens_dz(gap), *wilcoxon(gap))
                rows.append((scope, unit, strategy, opponent, *effect))
            block = pd.DataFrame(rows, columns=_COLUMNS)
            parts.append(block.assign(p_holm=holm(block["p"].to_numpy())))
    return pd.concat(parts, ignore_index=True)


_COLUMNS = ["scope", "unit", "strategy", "opponent", "n", "difference", "lo", "hi"]
_COLUMNS += ["rank_biserial", "cohens_dz", "statistic", "p"]


@dataclass(frozen=True)
class Friedman:
    """Friedman's test over cells, with Nemenyi's critical difference (Demšar 2006).

    Attributes:
        cells: how many cells were ranked.
        mean_ranks: strategy → mean rank (1 = best).
        statistic, p: Friedman's χ² and its p; NaN for fewer than three strategies, or all equal.
        critical_difference: two strategies whose mean ranks differ by less are not told apart at ``alpha``.
    """

    cells: int
    mean_ranks: dict[str, float]
    statistic: float
    p: float
    critical_difference: float
    alpha: float


def friedman(table: pd.DataFrame, alpha: float = 0.05) -> Friedman:
    """Rank the strategies in every (dataset, embedder, ips) by mean AULC and ask whether they differ at all.

    The critical difference is q(α; k, ∞) / √2 · √(k (k + 1) / (6 N)) for k strategies and N cells, with q the
    studentized range.

    Args:
        table: `wins.paired_scores`.
    """
    means = table.groupby(CELL, observed=True).mean()
    cells, strategies = means.shape
    ranks = stats.rankdata(-means.to_numpy(), axis=1)
    statistic = p = float("nan")
    if strategies > 2 and np.ptp(ranks, axis=1).any():
        statistic, p = (float(part) for part in stats.friedmanchisquare(*means.to_numpy().T))
    critical = float("nan")
    if strategies > 1:
        quantile = stats.studentized_range.ppf(1 - alpha, strategies, np.inf) / np.sqrt(2)
        critical = float(quantile * np.sqrt(strategies * (strategies + 1) / (6 * cells)))
    mean_ranks = {str(name): float(rank) for name, rank in zip(means.columns, ranks.mean(axis=0), strict=True)}
    return Friedman(cells, mean_ranks, statistic, p, critical, alpha)
