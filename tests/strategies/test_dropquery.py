import numpy as np
import pytest

from nofreelunch.selection.contract import again, typical
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import dropquery
from nofreelunch.space import geometry, rows
from nofreelunch.space.device import DeviceRows
from nofreelunch.space.rows import Rows, unit_rows

EMPTY = np.empty((0, 1), np.float32)


def plain_changes(query: Query, passes: int, dropout: float) -> np.ndarray:
    """Row by row in float64, with the coins `select` throws."""
    rows, d = query.candidates, query.features.shape[1]
    weights, bias = query.head.coefficients.astype(np.float64), query.head.intercepts.astype(np.float64)
    changes = np.zeros(len(rows), int)
    for _ in range(passes):
        words = query.rng.bit_generator.random_raw(-(-len(rows) * d // 4))
        coins = np.array(words, np.uint64).view(np.uint16)[: len(rows) * d].reshape(-1, d)
        for i, row in enumerate(rows):
            kept = coins[i] < (1 - dropout) * 65536
            scores = weights @ (query.features[row] * kept / (1 - dropout)) + bias
            changes[i] += query.head.classes[scores.argmax()] != query.probabilities[row].argmax()
    return changes


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("passes", "dropout"), [(3, 0.75), (5, 0.5), (1, 0.9), (4, 0.3)])
def test_same_rows_as_a_loop_for_the_same_draws(seed: int, passes: int, dropout: float) -> None:
    query = typical(n=200, classes=5, labelled=30, batch=8, seed=seed)
    rows = dropquery.select(query, passes=passes, dropout=dropout)
    fresh = again(query, seed)
    changes = plain_changes(fresh, passes, dropout)
    limit = passes // 2
    while limit > 0 and (changes > limit).sum() < 8:
        limit -= 1
    uncertain = query.candidates[changes > limit]
    if len(uncertain) <= 8:
        assert set(uncertain) <= set(rows)
        return
    directions = unit_rows(query.features[uncertain])
    labels, centres = geometry.kmeans(Rows(directions), 8, fresh.rng)
    for c, row in enumerate(rows):
        members = np.flatnonzero(labels == c)
        offsets = dict(zip(uncertain[members], np.linalg.norm(directions[members] - centres[c], axis=1), strict=True))
        assert offsets[row] <= min(offsets.values()) + 1e-6


def test_most_changes_are_wanted_while_there_are_enough() -> None:
    query = typical(n=400, classes=8, labelled=30, batch=10)
    rows = dropquery.select(query)
    changes = dict(zip(query.candidates, plain_changes(again(query), 3, 0.75), strict=True))
    assert sum(count > 1 for count in changes.values()) > 10
    assert min(changes[row] for row in rows) > 1


def test_per_pick_lowers_the_limit() -> None:
    query = typical(n=400, classes=8, labelled=30, batch=10)
    changes = plain_changes(query, 3, 0.75)
    wanted = int((changes > 1).sum()) // 10 + 1
    rows = dropquery.select(again(query), per_pick=wanted)
    assert (changes[np.searchsorted(query.candidates, rows)] == 1).any()


@pytest.mark.parametrize("rows", [Rows(EMPTY), DeviceRows(EMPTY, None, "torch")], ids=["NumPy", "torch"])
@pytest.mark.parametrize("chance", [0.25, 0.5, 0.9])
def test_coins_fall_as_often_as_they_should(chance: float, rows: Rows) -> None:
    coins = rows.down(rows.coins((321, 777), chance, np.random.default_rng(0)))
    assert coins.shape == (321, 777)
    assert abs(coins.mean() - chance) < 4 * np.sqrt(chance * (1 - chance) / coins.size)
    assert np.abs(np.corrcoef(coins[:, :5].T.astype(float)) - np.eye(5)).max() < 0.3


def test_a_device_drops_other_features_to_the_same_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = []
    for name in ("cpu", "torch"):
        monkeypatch.setenv("NOFREELUNCH_DEVICE", name)
        query = again(typical(n=200, classes=5, labelled=30, batch=8))
        changes.append(dropquery._changes(query, 400, 0.75))
        np.testing.assert_array_equal(dropquery._changes(again(query), 400, 0.75), changes[-1])
    assert (changes[0] != changes[1]).any()
    assert np.corrcoef(*changes)[0, 1] > 0.95
    assert abs(np.subtract(*changes).mean()) < 4


def test_blocks_see_every_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    query = typical(n=200, classes=5, labelled=30, batch=8)
    monkeypatch.setattr(rows, "CACHED", 7)
    changes = dropquery._changes(query, 400, 0.75)
    monkeypatch.setattr(rows, "CACHED", 1000)
    assert np.corrcoef(changes, dropquery._changes(query, 400, 0.75))[0, 1] > 0.95
