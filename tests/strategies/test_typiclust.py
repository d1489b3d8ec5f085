import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from nofreelunch.selection.contract import blobs, build
from nofreelunch.selection.pools import typiclust as pool
from nofreelunch.selection.query import Start
from nofreelunch.selection.strategies import typiclust
from nofreelunch.space.geometry import Geometry, squared_norms


def plain(
    features: np.ndarray,
    clusters: np.ndarray,
    labelled: list[int],
    candidates: list[int],
    size: int,
    *,
    neighbours: int = 20,
    min_cluster_size: int = 5,
    squared: bool = False,
) -> list[int]:
    """The authors' procedure, one pick at a time."""
    open_rows, order = set(candidates), []
    for c in range(clusters.max() + 1):
        with_label = sum(clusters[row] == c for row in labelled)
        total = with_label + sum(clusters[row] == c for row in candidates)
        order.append((total <= min_cluster_size, with_label, -total, c))
    picks: list[int] = []
    while len(picks) < size:
        for *_, c in sorted(order):
            members = sorted(row for row in open_rows if clusters[row] == c)
            if not members or len(picks) == size:
                continue
            k = min(neighbours, len(members) // 2)
            means = [0.0]
            if k:
                distances, _ = NearestNeighbors(n_neighbors=k + 1).fit(features[members]).kneighbors(features[members])
                means = (distances[:, 1:] ** (2 if squared else 1)).mean(axis=1)
            picks.append(members[int(np.argmin(means))])
            open_rows.remove(picks[-1])
    return picks


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "options",
    [{}, {"neighbours": 3}, {"max_clusters": 6}, {"min_cluster_size": 12}, {"distance": "squared"}],
    ids=str,
)
def test_same_rows_as_a_plain_reference_for_the_same_clusters(seed: int, options: dict) -> None:
    features, labels = blobs(260, 10, 5, seed)
    labelled = np.random.default_rng(seed).choice(260, 12, replace=False)
    query = build(features, labels, labelled, 18, seed=seed)
    rows = typiclust.select(query, **options)
    clusters = query.geometry.clustering(min(30, options.get("max_clusters", 500)))
    settings = {key: value for key, value in options.items() if key in {"neighbours", "min_cluster_size"}}
    squared = options.get("distance") == "squared"
    expected = plain(
        features.astype(np.float64), clusters, labelled, query.candidates.tolist(), 18, squared=squared, **settings
    )
    assert rows.tolist() == expected


def test_every_pick_is_in_a_cluster_without_label_while_there_are_such() -> None:
    features, labels = blobs(400, 10, 5)
    labelled = np.arange(10)
    query = build(features, labels, labelled, 15)
    rows = typiclust.select(query, min_cluster_size=0)
    clusters = query.geometry.clustering(25)
    assert not np.isin(clusters[rows], clusters[labelled]).any()
    assert len(set(clusters[rows])) == 15


def test_more_picks_than_clusters_go_round_again() -> None:
    features, labels = blobs(300, 10, 5)
    rows = typiclust.select(build(features, labels, np.arange(3), 40), max_clusters=7)
    assert len(set(rows)) == 40


def test_pool_is_the_strategy_without_labels() -> None:
    features, _ = blobs(200, 10, 5)
    geometry = Geometry(features, squared_norms(features), "test", 0)
    rows = pool.select(Start(geometry, np.arange(200), 14, np.random.default_rng(0)))
    assert rows.tolist() == plain(features, geometry.clustering(14), [], list(range(200)), 14)


def test_normalising_looks_at_directions_alone() -> None:
    features, labels = blobs(200, 10, 5)
    lengths = np.random.default_rng(0).uniform(1, 9, (200, 1)).astype(np.float32)
    stretched = build(features * lengths, labels, np.arange(9), 10)
    level = build(features, labels, np.arange(9), 10)
    clusters = stretched.geometry.unit().clustering(19)
    expected = plain(features, clusters, list(range(9)), level.candidates.tolist(), 10)
    assert typiclust.select(stretched).tolist() == expected
    assert typiclust.select(stretched, normalise=False).tolist() != expected
