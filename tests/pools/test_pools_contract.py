"""What every initial pool selection promises, and what sets each apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from nofreelunch.selection.coverage import purity_radius
from nofreelunch.selection.pools import POOLS, coreset, kmeans, maxherding, probcover
from nofreelunch.selection.query import Start
from nofreelunch.space.geometry import Geometry, squared_norms

INPUTS = {
    "general": np.random.default_rng(0).standard_normal((80, 6)).astype(np.float32),
    "duplicates": np.tile(np.random.default_rng(0).standard_normal((8, 6)).astype(np.float32), (10, 1)),
    "constant": np.full((40, 6), 0.4, np.float32),
    "zero": np.zeros((40, 6), np.float32),
    "one dimension": np.random.default_rng(0).standard_normal((50, 1)).astype(np.float32),
    "large": (1000 + 50 * np.random.default_rng(0).standard_normal((60, 6))).astype(np.float32),
}


def start(features: np.ndarray, size: int, seed: int = 0) -> Start:
    geometry = Geometry(features, squared_norms(features), "test", seed)
    return Start(geometry, np.arange(len(features)), size, np.random.default_rng(seed))


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("features", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_selections_are_valid_seeded_and_leave_the_pool_alone(name: str, features: np.ndarray, share: float) -> None:
    size = max(1, int(share * len(features)))
    before = features.copy()
    rows = POOLS[name](start(features, size))
    assert rows.dtype == np.int64
    assert len(rows) == len(set(rows.tolist())) == size
    assert rows.min() >= 0
    assert rows.max() < len(features)
    np.testing.assert_array_equal(features, before)
    np.testing.assert_array_equal(POOLS[name](start(features, size)), rows)


@pytest.mark.parametrize("name", POOLS)
@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 50), d=st.integers(1, 6), share=st.floats(0, 1), levels=st.integers(0, 3), seed=st.integers(0, 99)
)
def test_any_small_pool(name: str, n: int, d: int, share: float, levels: int, seed: int) -> None:
    features = np.random.default_rng(seed).integers(-levels, levels + 1, (n, d)).astype(np.float32)
    size = max(1, int(share * n))
    assert len(set(POOLS[name](start(features, size, seed)).tolist())) == size


def test_coreset_starts_nearest_the_mean_and_goes_farthest() -> None:
    features = INPUTS["general"]
    rows = coreset.select(start(features, 12))
    d = cdist(features.astype(np.float64), features.astype(np.float64))
    assert rows[0] == np.linalg.norm(features - features.mean(axis=0), axis=1).argmin()
    for i in range(1, 12):
        assert rows[i] == d[:, rows[:i]].min(axis=1).argmax()


def test_kmeans_takes_the_row_nearest_each_centre() -> None:
    features = INPUTS["general"] / np.linalg.norm(INPUTS["general"], axis=1, keepdims=True)
    request = start(features, 9)
    rows = kmeans.select(request)
    labels = request.geometry.clustering(9)
    sizes = np.bincount(labels)
    assert (np.diff(sizes[labels[rows]]) <= 0).all()
    for row in rows:
        members = np.flatnonzero(labels == labels[row])
        offsets = np.linalg.norm(features[members] - features[members].mean(axis=0), axis=1)
        assert row == members[offsets.argmin()]


def test_maxherding_maximises_the_mean_kernel_step_by_step() -> None:
    features = INPUTS["general"] / np.linalg.norm(INPUTS["general"], axis=1, keepdims=True)
    kernel = np.exp(-(cdist(features, features) ** 2))
    covered = np.zeros(80)
    for row in maxherding.select(start(features, 10)):
        assert row == np.maximum(kernel, covered[:, None]).sum(axis=0).argmax()
        covered = np.maximum(covered, kernel[:, row])


def test_maxherding_on_a_sample_stays_close_to_the_whole() -> None:
    features = INPUTS["general"] / np.linalg.norm(INPUTS["general"], axis=1, keepdims=True)
    kernel = np.exp(-(cdist(features, features) ** 2))
    whole, sample = (
        kernel[:, maxherding.select(start(features, 8), references=count)].max(axis=1).mean() for count in (80, 60)
    )
    assert 0.97 * whole < sample <= whole + 1e-9


def test_probcover_takes_the_fullest_balls() -> None:
    features = INPUTS["general"] / np.linalg.norm(INPUTS["general"], axis=1, keepdims=True)
    request = start(features, 6)
    rows = probcover.select(request, clusters=3, purity=0.5)
    graph = cdist(features, features) < np.sqrt(purity_radius(request.geometry, 3, 0.5))
    np.fill_diagonal(graph, True)
    covered = np.zeros(80, bool)
    for row in rows:
        gains = (graph & ~covered[:, None]).sum(axis=0)
        if gains.max() == 0:
            break
        assert row == gains.argmax()
        covered |= graph[:, row]
