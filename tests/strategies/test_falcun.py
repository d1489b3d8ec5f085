import numpy as np
import pytest
from scipy import stats

from nofreelunch.selection.contract import again, typical
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import falcun


def plain(query: Query, gamma: float, relevance: str) -> list[int]:
    """The paper's loop over candidates in float64, one draw by inversion per pick."""
    p = query.probabilities[query.candidates].astype(np.float64)
    ordered = np.sort(p, axis=1)
    uncertainty = 1 - (ordered[:, -1] - ordered[:, -2])
    distances, left, picks = uncertainty.copy(), list(range(len(p))), []
    for _ in range(query.batch_size):
        d = distances[left]
        relevant = uncertainty[left] + (d - d.min()) / (d.max() - d.min()) if relevance == "sum" else d
        total = np.cumsum((relevant / relevant.max()) ** gamma)
        picks.append(left.pop(int(np.searchsorted(total, query.rng.random() * total[-1], side="right"))))
        distances = np.minimum(distances, np.abs(p - p[picks[-1]]).sum(axis=1))
    return query.candidates[picks].tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("gamma", [1.0, 10.0])
@pytest.mark.parametrize("relevance", ["sum", "distance"])
def test_same_rows_as_a_loop_for_the_same_draws(seed: int, gamma: float, relevance: str) -> None:
    query = typical(n=150, classes=4, labelled=40, batch=20, seed=seed)
    expected = plain(again(query, seed), gamma, relevance)
    assert falcun.select(query, gamma=gamma, relevance=relevance).tolist() == expected


def test_gamma_zero_is_uniform() -> None:
    query = typical(n=40, classes=3, labelled=30, batch=1)
    counts = np.bincount([falcun.select(again(query, seed), gamma=0.0)[0] for seed in range(2000)], minlength=40)
    assert stats.chisquare(counts[query.candidates]).pvalue > 1e-4


def test_a_large_gamma_takes_the_most_uncertain_first() -> None:
    query = typical(n=150, classes=4, labelled=40, batch=3)
    top = np.sort(query.probabilities[query.candidates], axis=1)
    assert falcun.select(query, gamma=1e5)[0] == query.candidates[(top[:, -1] - top[:, -2]).argmin()]
