import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import blobs, build, typical

from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import bait
from nofreelunch.space.rows import Rows


def plain(query: Query, regularisation: float = 1.0, oversample: int = 2) -> list[int]:
    """The search as written: invert, try every row, float64; for pools without ties."""
    x, p = query.features.astype(np.float64), query.probabilities.astype(np.float64)
    labelled, rows = query.labelled, query.candidates
    n, d = x.shape
    size, total = query.batch_size, len(labelled) + query.batch_size
    q = p.max(axis=1)
    # Σ over the two outcomes of p(outcome) · gradient gradientᵀ, the gradient being (1 − q) x or −q x.
    information = [(q[i] * (1 - q[i]) ** 2 + (1 - q[i]) * q[i] ** 2) * np.outer(x[i], x[i]) for i in range(n)]
    pool = sum(information) / n
    m = regularisation * np.eye(d) + sum(information[i] for i in labelled) / total
    scaled = {i: information[i] * size / total for i in rows}

    def trace(matrix: np.ndarray) -> float:
        return np.trace(np.linalg.inv(matrix) @ pool)

    chosen: list[int] = []
    for _ in range(min(oversample * size, len(rows))):
        best = min((i for i in rows if i not in chosen), key=lambda i: trace(m + scaled[i]))
        chosen.append(best)
        m = m + scaled[best]
    while len(chosen) > size:
        worst = min(chosen, key=lambda i: trace(m - scaled[i]))
        chosen.remove(worst)
        m = m - scaled[worst]
    return chosen


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", [{}, {"regularisation": 0.01}, {"oversample": 1}, {"oversample": 3}], ids=str)
def test_same_rows_as_the_search_as_written(classes: int, seed: int, options: dict) -> None:
    query = typical(n=70, d=6, classes=classes, labelled=15, batch=8, seed=seed)
    assert bait.select(query, **options).tolist() == [int(row) for row in plain(query, **options)]


def forward(query: Query, count: int, regularisation: float) -> list[int]:
    """The forward search with rank-one updates over all rows, float64."""
    top = query.probabilities.max(axis=1).astype(np.float64)
    weights, total = top * (1 - top), len(query.labelled) + query.batch_size
    x = query.features.astype(np.float64)
    v = x[query.candidates] * np.sqrt(weights[query.candidates] * query.batch_size / total)[:, None]
    pool = (x * weights[:, None]).T @ x / len(x)
    seen = x[query.labelled]
    p = np.linalg.inv(regularisation * np.eye(x.shape[1]) + (seen * weights[query.labelled][:, None]).T @ seen / total)
    picks: list[int] = []
    for _ in range(count):
        gain = np.einsum("ij,jk,ik->i", v, p @ pool @ p, v) / (1 + np.einsum("ij,jk,ik->i", v, p, v))
        gain[picks] = -1
        picks.append(int(gain.argmax()))
        u = p @ v[picks[-1]]
        p -= np.outer(u, u) / (1 + v[picks[-1]] @ u)
    return picks


@pytest.mark.parametrize("regularisation", [1.0, 0.001])
@pytest.mark.parametrize(("steps", "active"), [(64, 8), (3, 1000), (7, 40), (1, 8)])
def test_blocks_and_bounds_change_no_pick(
    regularisation: float, steps: int, active: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = typical(n=1500, d=24, classes=6, labelled=60, batch=40)
    monkeypatch.setattr(bait, "STEPS", steps)
    monkeypatch.setattr(bait, "ACTIVE", active)
    kept = bait.select(query, regularisation=regularisation, oversample=1)
    assert kept.tolist() == query.candidates[forward(query, 40, regularisation)].tolist()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), regularisation=st.sampled_from([1.0, 0.05]))
def test_bounds_hold(seed: int, regularisation: float) -> None:
    query = typical(n=300, d=16, classes=4, labelled=20, batch=10, seed=seed)
    top = query.probabilities.max(axis=1)
    weights = top * (1 - top)
    pool = Rows(query.features).gram(weights) / len(weights)
    base = regularisation * np.eye(16) + Rows(query.features[query.labelled]).gram(weights[query.labelled]) / 30
    search = bait._Search(query, weights[query.candidates], pool, base, regularisation)
    v = query.features[query.candidates].astype(np.float64) * np.sqrt(weights[query.candidates])[:, None]
    for done in (0, 1, 5, 20):
        if done:
            search = bait._Search(query, weights[query.candidates], pool, base, regularisation)
            search.add(done)
        picked = v[~search.free]
        p = np.linalg.inv(base + picked.T @ picked)
        gains = np.einsum("ij,jk,ik->i", v, p @ pool @ p, v) / (1 + np.einsum("ij,jk,ik->i", v, p, v))
        bounds = search._bounds(done) if done else np.where(search.high > 0, search.quadratic / (1 + search.low), 0)
        assert (bounds[search.free] >= gains[search.free] * (1 - 1e-3) - 1e-12).all()


def test_a_sure_head_gives_no_information_and_still_a_batch() -> None:
    features, labels = blobs(40, 5, 3)
    query = build(features, np.zeros_like(labels), np.arange(4), 6, classes=3)
    assert len(set(bait.select(query).tolist())) == 6
