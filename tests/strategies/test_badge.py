import numpy as np
import pytest
from scipy import stats

from nofreelunch.selection.contract import again, build, typical
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import badge
from nofreelunch.space import rows


def explicit(query: Query, first: str) -> list[int]:
    """k-means++ on the n × C·d gradient embeddings in float64, one draw by inversion per centre."""
    rows, rng = query.candidates, query.rng
    p, x = query.probabilities.astype(np.float64)[rows], query.features.astype(np.float64)[rows]
    onehot = np.eye(p.shape[1])[p.argmax(axis=1)]
    embeddings = ((onehot - p)[:, :, None] * x[:, None, :]).reshape(len(rows), -1)
    picks = [np.linalg.norm(embeddings, axis=1).argmax() if first == "largest" else list(rows).index(rng.choice(rows))]
    while len(picks) < query.batch_size:
        squared = ((embeddings[:, None] - embeddings[picks][None]) ** 2).sum(axis=2).min(axis=1)
        picks.append(int(np.searchsorted(np.cumsum(squared), rng.random() * squared.sum(), side="right")))
    return rows[picks].tolist()


@pytest.mark.parametrize("first", ["largest", "random"])
@pytest.mark.parametrize("classes", [2, 4, 20])
@pytest.mark.parametrize("seed", range(4))
def test_same_rows_as_the_explicit_algorithm_for_the_same_draws(first: str, classes: int, seed: int) -> None:
    query = typical(n=200, classes=classes, labelled=40, batch=25, seed=seed)
    assert badge.select(query, first=first).tolist() == explicit(again(query, seed), first)


@pytest.mark.parametrize("gathered", [0.0, 1.0])
def test_gathering_rows_changes_no_pick(gathered: float, monkeypatch: pytest.MonkeyPatch) -> None:
    query = typical(n=200, classes=6, labelled=40, batch=25)
    monkeypatch.setattr(rows, "GATHERED", gathered)
    assert badge.select(query).tolist() == explicit(again(query), "largest")


def test_second_pick_follows_the_law_of_squared_distances() -> None:
    query = typical(n=40, classes=3, labelled=30, batch=2, seed=3)
    p, x = query.probabilities[query.candidates].astype(np.float64), query.features[query.candidates]
    embeddings = ((np.eye(3)[p.argmax(axis=1)] - p)[:, :, None] * x[:, None, :]).reshape(10, -1)
    first = np.linalg.norm(embeddings, axis=1).argmax()
    law = ((embeddings - embeddings[first]) ** 2).sum(axis=1)
    seconds = [badge.select(again(query, seed))[1] for seed in range(1500)]
    counts = np.bincount(np.searchsorted(query.candidates, seconds), minlength=10)
    assert counts[first] == 0
    kept = law > 0
    assert stats.chisquare(counts[kept], 1500 * law[kept] / law.sum()).pvalue > 1e-4


def test_a_head_that_is_sure_of_everything_still_fills_the_batch() -> None:
    features, labels = np.eye(12, 5, dtype=np.float32), np.zeros(12, np.int64)
    query = build(features, labels, np.array([0, 1]), 6, classes=3)
    assert (query.probabilities.max(axis=1) == 1).all()
    rows = badge.select(query)
    assert len(set(rows.tolist())) == 6
