"""ProbCover, MaxHerding and Uncertainty Herding against dense references, and what they stand on."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from nofreelunch.selection.contract import again, blobs, build, typical
from nofreelunch.selection.coverage import purity_radius
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import maxherding, probcover, uncertainty_herding
from nofreelunch.space import neighbours, rows
from nofreelunch.space.geometry import Geometry, squared_norms


def distances(features: np.ndarray) -> np.ndarray:
    return cdist(features.astype(np.float64), features.astype(np.float64))


def greedy(kernel: np.ndarray, weights: np.ndarray, labelled: np.ndarray, candidates: np.ndarray, size: int) -> list:
    """Facility location on the whole n × n kernel."""
    covered = kernel[:, labelled].max(axis=1)
    picks: list[int] = []
    while len(picks) < size:
        gains = (weights[:, None] * np.maximum(kernel - covered[:, None], 0)).sum(axis=0)
        allowed = np.isin(np.arange(len(kernel)), candidates) & ~np.isin(np.arange(len(kernel)), picks)
        pick = int(np.argmax(np.where(allowed, gains, -1)))
        if gains[pick] <= 1e-9:
            break
        picks.append(pick)
        covered = np.maximum(covered, kernel[:, pick])
    return picks


@pytest.fixture(params=[(1024, 0.75), (5, 0.5), (20, 1.5)], ids=["whole", "short", "overfull"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of other widths, one of which expects more neighbours within reach than it has room for."""
    fewest, full = request.param
    for name, value in {"FEWEST": fewest, "SHARE": 0, "FULL": full, "RANK": 1, "SPARSE": 2, "TILE": 32}.items():
        monkeypatch.setattr(neighbours, name, value)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 20_000)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labelled", [1, 6, 60])
@pytest.mark.parametrize("bandwidth", [1.0, 0.3])
def test_maxherding_equals_greedy_on_the_dense_kernel(seed: int, labelled: int, bandwidth: float) -> None:
    query = typical(n=220, d=8, classes=4, labelled=labelled, batch=15, seed=seed)
    kernel = np.exp(-(distances(query.features) ** 2) / bandwidth**2)
    expected = greedy(kernel, np.ones(220), query.labelled, query.candidates, 15)
    assert maxherding.select(query, bandwidth=bandwidth).tolist() == expected


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bandwidth", [None, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_uncertainty_herding_equals_greedy_on_the_dense_kernel(
    seed: int, bandwidth: float | None, temperature: float
) -> None:
    query = typical(n=200, d=8, classes=4, labelled=25, batch=12, seed=seed)
    p = query.probabilities.astype(np.float64) ** (1 / temperature)
    ordered = np.sort(p / p.sum(axis=1, keepdims=True), axis=1)
    weights = 1 - (ordered[:, -1] - ordered[:, -2])
    weights[query.labelled] = 0
    d = distances(query.features)
    between = d[np.ix_(query.labelled, query.labelled)]
    sigma = bandwidth or between[between > 0].min()
    expected = greedy(np.exp(-(d**2) / sigma**2), weights, query.labelled, query.candidates, 12)
    rows = uncertainty_herding.select(query, bandwidth=bandwidth, temperature=temperature)
    assert rows.tolist() == expected


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("purity", [0.95, 0.6, 0.2])
def test_probcover_equals_greedy_on_the_dense_graph(seed: int, purity: float) -> None:
    query = typical(n=200, d=6, classes=4, labelled=8, batch=15, seed=seed)
    radius = np.sqrt(purity_radius(query.geometry, 4, purity))
    graph = (distances(query.features) < radius).astype(float)
    np.fill_diagonal(graph, 1)
    expected = greedy(graph, np.ones(200), query.labelled, query.candidates, 15)
    rows = probcover.select(query, purity=purity).tolist()
    assert rows[: len(expected)] == expected
    assert len(set(rows)) == 15


def test_a_radius_that_is_given_is_taken() -> None:
    query = typical(n=200, d=6, classes=4, labelled=8, batch=15)
    radius = float(np.sqrt(purity_radius(query.geometry, 4, 0.6)))
    assert (
        probcover.select(again(query), radius=radius)[:5].tolist() == probcover.select(query, purity=0.6)[:5].tolist()
    )


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("purity", [0.99, 0.95, 0.5, 0.01])
def test_radius_is_the_largest_that_keeps_the_share_of_pure_balls(seed: int, purity: float) -> None:
    features, _ = blobs(150, 6, 5, seed)
    geometry = Geometry(features, squared_norms(features), "test", seed)
    d, labels = distances(features), geometry.clustering(5)

    def share(radius: float) -> float:
        return np.mean([(labels[d[i] < radius] == labels[i]).all() for i in range(150)])

    radius = np.sqrt(purity_radius(geometry, 5, purity))
    assert share(radius * (1 - 1e-4)) >= purity
    assert share(radius * (1 + 1e-4)) < purity


def test_probcover_fills_up_at_random_once_all_is_covered() -> None:
    features, labels = np.repeat(np.eye(3, dtype=np.float32), 30, axis=0), np.repeat(np.arange(3), 30)
    query = build(features, labels, np.array([0, 30]), 12)
    picks = {tuple(probcover.select(again(query, seed))[1:]) for seed in range(5)}
    assert len(picks) > 1
    assert all(len(set(rows)) == 11 for rows in picks)


@pytest.mark.parametrize("strategy", [maxherding, probcover, uncertainty_herding])
def test_lengths_do_not_matter_where_rows_are_normalised(strategy) -> None:
    query = typical(n=150, classes=4, labelled=20, batch=10)
    lengths = np.random.default_rng(0).uniform(0.5, 4, (150, 1)).astype(np.float32)
    stretched = again(
        replace(
            query,
            geometry=Geometry(query.features * lengths, squared_norms(query.features * lengths)),
        )
    )
    # The pseudo-labels of both are drawn under different names, so the radius is taken from one of them.
    if strategy is probcover:
        stretched.geometry.unit().once(("purity radius", 4, 0.95), lambda: purity_radius(query.geometry, 4, 0.95))
    assert strategy.select(stretched).tolist() == strategy.select(query).tolist()


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(1, 60), d=st.integers(1, 3), levels=st.integers(0, 9), width=st.integers(1, 30),
    full=st.floats(0.1, 1), tile=st.integers(1, 70), seed=st.integers(0, 99),
)  # fmt: skip
def test_tables_hold_all_neighbours_within_reach(
    n: int, d: int, levels: int, width: int, full: float, tile: int, seed: int
) -> None:
    features = np.random.default_rng(seed).integers(-levels, levels + 1, (n, d)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"FEWEST": width, "SHARE": 0, "FULL": full, "RANK": 2, "SPARSE": 2, "TILE": tile}.items():
            patch.setattr(neighbours, name, value)
        table = neighbours.neighbours(Geometry(features, squared_norms(features)))
        guess = neighbours._reach(Geometry(features, squared_norms(features)), min(width, n - 1))
    squared = ((features[:, None] - features) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    assert table.rows.shape == table.squared.shape == (n, min(width, n - 1))
    for row in range(n):
        held = np.isfinite(table.squared[row])
        assert sorted(table.rows[row, held]) == np.flatnonzero(squared[row] < table.reach[row]).tolist()
        np.testing.assert_array_equal(table.squared[row, held], squared[row, table.rows[row, held]])
        assert (table.rows[row, ~held] == row).all()
        # A row that held too many keeps its nearer half, but for equally far ones.
        if table.reach[row] < guess[row]:
            assert (squared[row] <= table.reach[row]).sum() > min(width, n - 1) // 2
    if width >= n - 1:
        assert np.isinf(table.reach).all()


def test_guessing_reaches_keeps_no_more_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", 2**20)
    features, _ = blobs(6000, 8, 4)
    geometry = Geometry(features, squared_norms(features))
    tracemalloc.start()
    neighbours._reach(geometry, 60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20 < 4 * 6000 * 6000 / neighbours.SPARSE


def _pairs(query: Query, limits: np.ndarray) -> set[tuple[int, int]]:
    sources = np.arange(len(limits))
    found = list(neighbours.within(query.geometry, sources, limits))
    return {(int(s), int(r)) for source, row, _ in found for s, r in zip(source, row, strict=True)}


@pytest.mark.usefixtures("table")
def test_pairs_within_limits_are_all_found_once() -> None:
    query = typical(n=120, d=5)
    d = distances(query.features) ** 2
    np.fill_diagonal(d, np.inf)
    limits = np.random.default_rng(0).uniform(0, 1.5, 120).astype(np.float32)
    limits[:10] = np.inf
    expected = {(i, j) for i in range(120) for j in range(120) if d[i, j] < limits[i] and i != j}
    assert _pairs(query, limits) == expected
    count = sum(len(row) for _, row, _ in neighbours.within(query.geometry, np.arange(120), limits))
    assert count == len(expected)
