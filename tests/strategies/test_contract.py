"""What every strategy promises, whatever it does."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nofreelunch.selection.contract import CASES, again, blobs, build, typical, with_truth
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import STRATEGIES

# The rows are the same when the pool is shuffled; the others draw, or break ties by what a draw gave.
ORDER_FREE = {"margin", "entropy", "least_confident", "coreset"}


def _pick(name: str, query: Query) -> np.ndarray:
    entry = STRATEGIES[name]
    return entry.select(with_truth(query) if entry.uses_truth else query)


def _check(query: Query, rows: np.ndarray) -> None:
    assert rows.dtype == np.int64
    assert len(rows) == min(query.batch_size, len(query.candidates))
    assert len(np.unique(rows)) == len(rows)
    assert np.isin(rows, query.candidates).all()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", STRATEGIES)
def test_picks_are_valid_seeded_and_leave_the_request_alone(name: str, case: str) -> None:
    query = CASES[case]()
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
    shuffled = replace(shuffled, scored=query.probabilities[order], head=query.head)
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
