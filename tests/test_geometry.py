import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from nofreelunch.space import draws, geometry, rows
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.rows import Rows, squared_norms


def mixture(n: int, d: int, parts: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (3 * rng.standard_normal((parts, d))[rng.integers(parts, size=n)] + rng.standard_normal((n, d))).astype(
        np.float32
    )


def of(features: np.ndarray) -> Geometry:
    return Geometry(features, squared_norms(features), "test", 0)


def lloyd(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Plain Lloyd in float64 for seeds from which no cluster runs empty."""
    features, centres = features.astype(np.float64), centres.astype(np.float64)
    labels = None
    for _ in range(geometry.LLOYD_ITERATIONS):
        new = cdist(features, centres).argmin(axis=1)
        if labels is not None and (new == labels).all():
            break
        labels = new
        centres = np.array([features[labels == c].mean(axis=0) for c in range(len(centres))])
    return labels


@pytest.mark.parametrize("seed", range(6))
def test_kmeans_equals_plain_lloyd_from_the_same_seeds(seed: int) -> None:
    features = mixture(500, 8, 12, seed)
    seeds, first, scores = geometry.kmeans_plus_plus(Rows(features), 20, np.random.default_rng(seed))
    squared = cdist(features, features[seeds]) ** 2
    np.testing.assert_array_equal(first, squared.argmin(axis=1))
    np.testing.assert_allclose(squared_norms(features) - 2 * scores, squared.min(axis=1), rtol=1e-4, atol=1e-3)
    labels, centres = geometry.kmeans(Rows(features), 20, np.random.default_rng(seed))
    np.testing.assert_array_equal(labels, lloyd(features, features[seeds]))
    means = [features[labels == c].mean(axis=0) for c in range(20)]
    np.testing.assert_allclose(centres, means, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [40, 150, 600])
@pytest.mark.parametrize("seed", range(8))
def test_looking_only_at_centres_that_moved_changes_no_label(count: int, seed: int, monkeypatch) -> None:
    # Duplicates leave clusters empty, which are then filled.
    features = mixture(900, 3, 30, seed)
    features[:400] = features[400:500].repeat(4, axis=0)
    labels = []
    for few in (1.0, -1.0):
        monkeypatch.setattr(geometry, "FEW_MOVED", few)
        labels.append(geometry.kmeans(Rows(features), count, np.random.default_rng(seed))[0])
    np.testing.assert_array_equal(*labels)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 80),
    d=st.integers(1, 5),
    count=st.integers(1, 90),
    levels=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_every_cluster_has_a_row_and_a_medoid_of_its_own(n: int, d: int, count: int, levels: int, seed: int) -> None:
    features = np.random.default_rng(seed).integers(-levels, levels + 1, (n, d)).astype(np.float32)
    labels, centres = geometry.kmeans(Rows(features), count, np.random.default_rng(seed))
    assert np.unique(labels).tolist() == list(range(min(n, count)))
    assert centres.shape == (min(n, count), d)
    rows = geometry.medoids(Rows(features), count, np.random.default_rng(seed))
    assert labels[rows].tolist() == list(range(min(n, count)))
    for cluster, row in enumerate(rows):
        own = ((features[labels == cluster] - centres[cluster]) ** 2).sum(axis=1)
        assert ((features[row] - centres[cluster]) ** 2).sum() <= own.min() + 1e-5


def test_seeds_follow_the_law_of_squared_distances() -> None:
    # Six points on a line, the first seed uniform: P(second = j) = mean over i of D²(i, j) / Σ D²(i, ·).
    features = np.array([[0.0], [1], [2], [4], [7], [11]], np.float32)
    draws = np.array(
        [geometry.kmeans_plus_plus(Rows(features), 3, np.random.default_rng(seed))[0] for seed in range(4000)]
    )
    squared = cdist(features, features) ** 2
    pairs = squared / squared.sum(axis=1, keepdims=True) / 6
    law = np.zeros((6, 6, 6))
    for i in range(6):
        for j in range(6):
            third = np.minimum(squared[i], squared[j])
            law[i, j] = pairs[i, j] * third / third.sum()
    counts = np.zeros((6, 6, 6))
    np.add.at(counts, tuple(draws.T), 1)
    assert (counts[law == 0] == 0).all()
    assert stats.chisquare(counts[law > 0], 4000 * law[law > 0]).pvalue > 1e-4


@given(n=st.integers(1, 40), count=st.integers(1, 40), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_seeds_are_distinct_even_among_duplicates(n: int, count: int, seed: int) -> None:
    features = np.random.default_rng(seed).integers(0, 2, (n, 2)).astype(np.float32)
    count = min(n, count)
    seeds, *_ = geometry.kmeans_plus_plus(Rows(features), count, np.random.default_rng(seed))
    assert len(np.unique(seeds)) == count


@pytest.mark.parametrize("neighbours", [1, 4, 19])
@pytest.mark.parametrize("squared", [False, True])
def test_mean_neighbour_distance_equals_scikit_learn(neighbours: int, squared: bool, monkeypatch) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", 9000)
    features = mixture(60, 7, 3)
    distances, _ = NearestNeighbors(n_neighbors=neighbours + 1).fit(features).kneighbors(features)
    expected = (distances[:, 1:] ** (2 if squared else 1)).mean(axis=1)
    actual = Rows(features).mean_neighbour_distance(np.arange(60), neighbours, squared=squared)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 90), d=st.integers(1, 70), k=st.integers(1, 9), small=st.integers(1, 3000))
def test_products_in_pieces_are_products(n: int, d: int, k: int, small: int) -> None:
    a, b = (
        np.random.default_rng(s).integers(-5, 6, shape).astype(np.float32) for s, shape in ((0, (n, d)), (1, (d, k)))
    )
    out = np.empty((k, n), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SMALL", small)
        patch.setattr(rows, "LEAST", 3)
        np.testing.assert_array_equal(rows.thin_product(a, b), a @ b)
        np.testing.assert_array_equal(rows.thin_product(a, b, out.T), a @ b)
    np.testing.assert_array_equal(out, (a @ b).T)


def test_labelled_distances_are_those_to_the_nearest_label(monkeypatch) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", 1000)
    features = mixture(80, 6, 4)
    kept = LabelledDistances(of(features))
    assert np.isinf(kept.to(np.empty(0, np.int64))).all()
    for labelled in (np.array([3, 9]), np.array([3, 9, 20, 21, 40]), np.array([7])):
        expected = cdist(features, features[labelled]).min(axis=1) ** 2
        actual = kept.to(labelled)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
        assert (actual[labelled] == 0).all()
        actual[:] = -1


def test_draw_is_proportional_and_uniform_without_weight() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([0, 3, 0, 1], np.float32)
    counts = np.bincount([draws.weighted_draw(weights, rng) for _ in range(2000)], minlength=4)
    assert counts[[0, 2]].sum() == 0
    assert stats.binomtest(int(counts[1]), 2000, 0.75).pvalue > 1e-4
    assert set(np.unique([draws.weighted_draw(np.zeros(4), rng) for _ in range(200)])) == {0, 1, 2, 3}


@settings(max_examples=100, deadline=None)
@given(weights=st.lists(st.integers(0, 3), min_size=1, max_size=60), piece=st.integers(1, 70), seed=st.integers(0, 99))
def test_draw_in_pieces_is_that_of_one_running_sum(weights: list[int], piece: int, seed: int) -> None:
    upto = np.cumsum(weights)
    expected = np.searchsorted(upto, np.random.default_rng(seed).random() * upto[-1], side="right")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "PIECE", piece)
        drawn = draws.weighted_draw(np.array(weights, np.float32), np.random.default_rng(seed))
    assert drawn == expected or upto[-1] == 0


@pytest.mark.parametrize(("target", "row"), [(0.0, 1), (2.9, 1), (3.0, 3), (4.0, 3), (9.0, 3)])
def test_rounding_never_draws_a_row_without_weight(target: float, row: int) -> None:
    assert draws._place(np.array([0.0, 3, 3, 4, 4]), target) == row


def test_facts_are_computed_once_and_unit_rows_are_recognised() -> None:
    features = mixture(50, 5, 3)
    pool = of(features)
    assert pool.clustering(7) is pool.clustering(7)
    unit = pool.unit()
    assert unit is pool.unit()
    assert unit is not pool
    assert unit.unit() is unit
    np.testing.assert_allclose(np.linalg.norm(unit.features, axis=1), 1, rtol=1e-5)


def test_clusterings_belong_to_their_seed() -> None:
    features = mixture(200, 5, 3)
    norms = squared_norms(features)
    same = [Geometry(features, norms, "cell", 4).clustering(9) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert (Geometry(features, norms, "cell", 5).clustering(9) != same[0]).any()
