"""What every strategy promises, whatever it does."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import again, blobs, build, typical, with_truth

from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import STRATEGIES

# The rows are the same when the pool is shuffled; the others draw, or break ties by what a draw gave.
ORDER_FREE = {"margin", "entropy", "least_confident", "coreset"}


def _missing_classes() -> Query:
    features, labels = blobs(90, 8, 6)
    return build(features, labels, np.flatnonzero(labels < 2)[:12], 7, classes=6)


def _one_class() -> Query:
    features, labels = blobs(60, 8, 3)
    return build(features, labels, np.flatnonzero(labels == 1)[:5], 7, classes=3)


def _one_label() -> Query:
    features, labels = blobs(60, 8, 3)
    return build(features, labels, np.array([4]), 7, classes=3)


def _duplicates() -> Query:
    features, labels = blobs(12, 8, 3)
    return build(np.tile(features, (6, 1)), np.tile(labels, 6), np.arange(6), 30)


def _constant_features() -> Query:
    labels = np.arange(50) % 3
    return build(np.full((50, 8), 0.35, np.float32), labels, np.arange(9), 10)


def _zero_rows() -> Query:
    features, labels = blobs(60, 8, 3)
    features[::4] = 0
    return build(features, labels, np.arange(12), 20)


def _all_zero() -> Query:
    return build(np.zeros((30, 8), np.float32), np.arange(30) % 3, np.arange(6), 10)


def _two_classes() -> Query:
    return typical(classes=2, labelled=10)


def _many_classes() -> Query:
    return typical(n=500, d=12, classes=150, labelled=150, batch=40)


def _large_norms() -> Query:
    features, labels = blobs(80, 16, 4)
    return build(features * 30 + 5, labels, np.arange(15), 10)


def _batch_exceeds_candidates() -> Query:
    return typical(n=40, labelled=30, batch=25)


def _batch_is_all_candidates() -> Query:
    return typical(n=40, labelled=25, batch=15)


def _one_candidate() -> Query:
    return typical(n=31, labelled=30, batch=5)


def _no_candidates() -> Query:
    return typical(n=30, labelled=30, batch=5)


def _subset_of_candidates() -> Query:
    features, labels = blobs(90, 8, 4)
    return build(features, labels, np.arange(0, 20), 9, candidates=np.arange(21, 90, 3))


def _one_dimension() -> Query:
    features = np.random.default_rng(0).standard_normal((40, 1)).astype(np.float32)
    return build(features, (features[:, 0] > 0).astype(np.int64), np.arange(10), 8)


CASES: list[Callable[[], Query]] = [
    typical,
    _missing_classes,
    _one_class,
    _one_label,
    _duplicates,
    _constant_features,
    _zero_rows,
    _all_zero,
    _two_classes,
    _many_classes,
    _large_norms,
    _batch_exceeds_candidates,
    _batch_is_all_candidates,
    _one_candidate,
    _no_candidates,
    _subset_of_candidates,
    _one_dimension,
]


def _pick(name: str, query: Query) -> np.ndarray:
    entry = STRATEGIES[name]
    return entry.select(with_truth(query) if entry.uses_truth else query)


def _check(query: Query, rows: np.ndarray) -> None:
    assert rows.dtype == np.int64
    assert len(rows) == min(query.batch_size, len(query.candidates))
    assert len(np.unique(rows)) == len(rows)
    assert np.isin(rows, query.candidates).all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.strip("_"))
@pytest.mark.parametrize("name", STRATEGIES)
def test_picks_are_valid_seeded_and_leave_the_request_alone(name: str, case: Callable[[], Query]) -> None:
    query = case()
    arrays = {key: value for key, value in vars(query).items() if isinstance(value, np.ndarray)}
    before = copy.deepcopy(arrays)
    rows = _pick(name, query)
    _check(query, rows)
    for key, value in arrays.items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)
    np.testing.assert_array_equal(_pick(name, again(query)), rows)


@pytest.mark.parametrize("name", STRATEGIES)
def test_asking_twice_with_shared_facts_changes_nothing(name: str) -> None:
    query = typical()
    rows = _pick(name, query)
    later = again(query)
    warm = Query(**{**vars(later), "geometry": query.geometry, "distances": query.distances})
    np.testing.assert_array_equal(_pick(name, warm), rows)


@pytest.mark.parametrize("name", sorted(ORDER_FREE & STRATEGIES.keys()))
@pytest.mark.parametrize("seed", range(3))
def test_row_order_does_not_matter_to_those_that_draw_nothing(name: str, seed: int) -> None:
    features, labels = blobs(150, 16, 4, seed)
    rng = np.random.default_rng(seed)
    labelled, order = rng.choice(150, 20, replace=False), rng.permutation(150)
    place = np.argsort(order)
    query = build(features, labels, labelled, 15)
    shuffled = build(features[order], labels[order], place[labelled], 15)
    # The head's last bits depend on the order of rows; the strategies are to see the same scores.
    shuffled = Query(**{**vars(shuffled), "probabilities": query.probabilities[order], "head": query.head})
    np.testing.assert_array_equal(order[_pick(name, shuffled)], _pick(name, query))


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ORDER_FREE])
def test_those_that_draw_use_the_generator_of_the_request(name: str) -> None:
    query = typical(n=300)
    picks = [tuple(_pick(name, again(query, seed))) for seed in range(6)]
    if len(set(picks)) == 1:
        assert name in {"bait", "probcover", "maxherding", "uncertainty_herding"}


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(2, 60),
    d=st.integers(1, 9),
    classes=st.integers(2, 7),
    share=st.floats(0.05, 0.95),
    batch=st.integers(1, 30),
    levels=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_any_small_pool(
    name: str, n: int, d: int, classes: int, share: float, batch: int, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    features = rng.integers(-levels, levels + 1, (n, d)).astype(np.float32)
    labels = rng.integers(classes, size=n)
    labelled = rng.choice(n, max(1, int(share * n)), replace=False)
    query = build(features, labels, labelled, batch, classes=classes, seed=seed)
    _check(query, _pick(name, query))
