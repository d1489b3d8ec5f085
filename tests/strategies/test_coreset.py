from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from nofreelunch.selection.contract import again, blobs, build
from nofreelunch.selection.strategies import coreset
from nofreelunch.space.geometry import Geometry, farthest_first, squared_norms


def textbook(features: np.ndarray, centres: list[int], candidates: list[int], size: int) -> list[int]:
    """k-centre greedy as a plain loop in float64."""
    features = features.astype(np.float64)
    centres, picks = list(centres), []
    for _ in range(size):
        left = [row for row in candidates if row not in picks]
        nearest = [min(np.linalg.norm(features[row] - features[c]) for c in centres) for row in left]
        picks.append(left[int(np.argmax(nearest))])
        centres.append(picks[-1])
    return picks


@pytest.mark.parametrize("seed", range(4))
def test_same_rows_as_a_loop_in_float64(seed: int) -> None:
    features, labels = blobs(150, 12, 4, seed)
    labelled = np.random.default_rng(seed).choice(150, 9, replace=False)
    query = build(features, labels, labelled, 25)
    assert coreset.select(query).tolist() == textbook(features, labelled, query.candidates.tolist(), 25)


def test_bounds_left_behind_lose_nothing_on_a_larger_pool() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((3000, 6)).astype(np.float32)
    candidates = np.arange(10, 3000)
    distances = cdist(features, features[:10]).min(axis=1).astype(np.float32) ** 2
    picks = farthest_first(Geometry(features, squared_norms(features)), distances, candidates, 400)
    nearest = distances.astype(np.float64)
    for pick in picks:
        assert pick == candidates[np.argmax(nearest[candidates])]
        np.minimum(nearest, cdist(features, features[pick][None])[:, 0] ** 2, out=nearest)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 700), levels=st.integers(1, 3), seed=st.integers(0, 99))
def test_ties_go_to_the_lower_row(n: int, levels: int, seed: int) -> None:
    # Whole numbers: every distance is exact, so ties are ties.
    rng = np.random.default_rng(seed)
    features = rng.integers(-levels, levels + 1, (n, 2)).astype(np.float32)
    distances = np.full(n, np.inf, np.float32)
    picks = farthest_first(Geometry(features, squared_norms(features)), distances, np.arange(n), min(n, 30))
    nearest = distances.astype(np.float64)
    for pick in picks:
        assert pick == np.argmax(nearest)
        np.minimum(nearest, ((features - features[pick]) ** 2).sum(axis=1), out=nearest)
        nearest[pick] = -1


def test_distances_kept_between_rounds_give_the_same_rows() -> None:
    features, labels = blobs(300, 12, 4)
    labelled = np.arange(5)
    query = build(features, labels, labelled, 10)
    for _ in range(4):
        rows = coreset.select(query)
        np.testing.assert_array_equal(coreset.select(again(query)), rows)
        labelled = np.concatenate([labelled, rows])
        kept = query.distances
        query = build(features, labels, labelled, 10)
        query = replace(query, geometry=kept._geometry, distances=kept)
