"""Equal rows and classes are told apart by draws, not by their place in a file."""

from dataclasses import replace

import numpy as np
import pytest

from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads import trainer
from nofreelunch.heads.kinds.knn import KnnSpec
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.contract import blobs, build, with_truth
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.pools.start import select_all
from nofreelunch.selection.query import Query, Strategy
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.geometry import Geometry, squared_norms
from nofreelunch.space.rows import Rows

ROWS, BATCH = 200, 20


def undecided(seed: int) -> Query:
    """Rows that are all alike, to the eye and to the head, in an order drawn for ``seed``."""
    rng = np.random.default_rng(seed)
    features = np.full((ROWS, 8), 0.35, np.float32)
    query = build(features, np.arange(ROWS) % 3, np.arange(9), BATCH, seed=seed)
    return replace(query, candidates=rng.permutation(query.candidates), rng=rng)


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_prefers_the_rows_at_the_top_of_a_file(name: str) -> None:
    entry = STRATEGIES[name]
    taken = np.zeros(ROWS)
    for seed in range(12):
        query = undecided(seed)
        taken[entry.select(with_truth(query) if entry.uses_truth else query)] += 1
    # Each half is as likely: 120 of 240 picks, standard deviation 7.
    top = taken[9 : 9 + (ROWS - 9) // 2].sum() / taken.sum()
    assert 0.35 < top < 0.65


@pytest.mark.parametrize("name", POOLS)
def test_no_pool_prefers_the_rows_at_the_top_of_a_file(name: str) -> None:
    features = np.full((ROWS, 8), 0.35, np.float32)
    taken = np.zeros(ROWS)
    for seed in range(12):
        selections = {name: (POOLS[name], {})}
        made = select_all(features, squared_norms(features), {}, BATCH, ("t", "e"), selections, (seed, {name: "key"}))
        taken[made["key"]["rows"]] += 1
    assert 0.35 < taken[: ROWS // 2].sum() / taken.sum() < 0.65


@pytest.mark.parametrize("name", ["margin", "entropy", "least_confident", "bait", "coreset", "maxherding", "probcover"])
def test_a_rare_class_at_the_end_of_a_sorted_file_is_found(name: str) -> None:
    """Three texts, each many times over; the head has seen the first alone and is sure of everything."""
    labels = np.repeat([0, 1, 2], [120, 60, 40])
    features = np.eye(3, 8, dtype=np.float32)[labels]
    cell = Cell.of("sorted", "file", features, features, labels, 3, LogisticSpec(C=10.0, intercept="free"))
    entry = STRATEGIES[name]
    runs = [
        Run(ips="random", strategy=name, seed=seed, initial=np.arange(3), entry=entry, batch=30, rounds=1)
        for seed in range(4)
    ]
    curves = simulate(cell, lambda rows, seed: labels[rows], runs)
    assert all(curve.classes_seen[-1] == 3 for curve in curves)
    assert len({tuple(curve.acquired) for curve in curves}) == 4


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_classes_with_as_many_votes_win_as_often(weights: str) -> None:
    features = np.zeros((30, 4), np.float32)
    spec = KnnSpec(kind="knn", neighbours=9, weights=weights)
    rows, labels = np.arange(9), np.repeat([0, 1, 2], 3)
    kinds = trainer(spec, Rows(features), 3)
    wins = np.zeros(3)
    for seed in range(60):
        head = kinds.learner(np.random.default_rng(seed)).fit(rows, labels)
        again = kinds.learner(np.random.default_rng(seed)).fit(rows[::-1], labels[::-1])
        p = head.probabilities(features[:1])
        np.testing.assert_allclose(p.sum(), 1, rtol=1e-6)
        np.testing.assert_allclose(again.probabilities(features[:1]), p, rtol=1e-6)
        wins[p.argmax()] += 1
    assert wins.min() >= 8


def test_equally_near_rows_vote_as_often() -> None:
    features = np.zeros((40, 4), np.float32)
    kinds = trainer(KnnSpec(kind="knn", neighbours=1, smoothing=0.0), Rows(features), 2)
    rows, labels = np.arange(20), np.repeat([0, 1], [15, 5])
    heads = [kinds.learner(np.random.default_rng(seed)).fit(rows, labels) for seed in range(80)]
    rare = np.mean([head.probabilities(features[:1]).argmax() == 1 for head in heads])
    assert 0.1 < rare < 0.45


def test_ties_change_no_draw_of_those_that_are_told_apart() -> None:
    features, labels = blobs(150, 12, 4)
    query = build(features, labels, np.arange(20), 10)
    shuffled = replace(query, candidates=np.random.default_rng(1).permutation(query.candidates))
    for name in ("margin", "entropy", "least_confident", "coreset", "maxherding", "bait"):
        assert set(STRATEGIES[name].select(query)) == set(STRATEGIES[name].select(shuffled))


def test_the_order_is_drawn_for_each_run_and_query() -> None:
    seen: dict[tuple[int, str], list[np.ndarray]] = {}

    def watch(name: str, seed: int):
        def select(query: Query) -> np.ndarray:
            seen.setdefault((seed, name), []).append(query.candidates)
            return query.candidates[:2]

        return select

    features, labels = blobs(60, 6, 3)
    cell = Cell.of("t", "e", features, features, labels, 3, LogisticSpec(C=10.0, intercept="free"))
    runs = [
        Run(
            ips="random",
            strategy=name,
            seed=seed,
            initial=np.arange(5),
            entry=Strategy(watch(name, seed), uses_head=False),
            batch=2,
            rounds=2,
        )
        for name in ("one", "other")
        for seed in (0, 1)
    ]
    simulate(cell, lambda rows, seed: labels[rows], runs)
    orders = [tuple(order[:8]) for found in seen.values() for order in found]
    assert len(set(orders)) == len(orders) == 8
    assert all(set(found[0]) == set(range(5, 60)) for found in seen.values())


def test_geometry_of_duplicates_draws_which_rows_fill_empty_clusters() -> None:
    features = np.full((50, 4), 0.5, np.float32)
    labels = [Geometry(features, squared_norms(features), "t", seed).clustering(5) for seed in range(8)]
    alone = {int(row) for found in labels for row in np.flatnonzero(np.bincount(found)[found] == 1)}
    assert max(alone) > 25
