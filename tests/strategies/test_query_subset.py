"""A query that sees random rows of the pool alone."""

from dataclasses import replace

import numpy as np
import pytest

from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.contract import blobs, build, typical, with_truth
from nofreelunch.selection.query import narrowed
from nofreelunch.selection.strategies import STRATEGIES


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_picks_what_it_would_from_a_pool_of_these_rows(name: str) -> None:
    features, labels = blobs(240, 10, 4)
    query = build(features, labels, np.arange(0, 40, 2), 9)
    query = replace(query, candidates=np.random.default_rng(3).permutation(query.candidates))
    entry = STRATEGIES[name]
    view, rows = narrowed(with_truth(query, labels) if entry.uses_truth else query, 60, "test", 0)
    assert rows[: len(query.labelled)].tolist() == query.labelled.tolist()
    assert rows[len(query.labelled) :].tolist() == query.candidates[:60].tolist()
    small = build(features[rows], labels[rows], np.arange(20), 9)
    small = replace(small, head=query.head, scored=query.probabilities[rows])
    picks = entry.select(replace(view, rng=np.random.default_rng(0)))
    expected = entry.select(with_truth(small, labels[rows]) if entry.uses_truth else small)
    if not entry.uses_truth:
        assert picks.tolist() == expected.tolist()
    assert set(rows[picks]) <= set(query.candidates[:60])


def test_a_subset_smaller_than_the_batch_still_fills_it() -> None:
    view, rows = narrowed(typical(batch=12), 5, "test", 0)
    assert len(view.candidates) == 12
    assert len(rows) == 42


def test_each_query_of_a_run_sees_other_rows() -> None:
    features, labels = blobs(400, 8, 4)
    cell = Cell.of("t", "e", features, features, labels, 4, LogisticSpec(C=10.0, intercept="free"))
    entry = STRATEGIES["typiclust"]

    def run(subset: int | None) -> np.ndarray:
        one = Run(
            ips="random",
            strategy="typiclust",
            seed=0,
            initial=np.arange(8),
            entry=entry,
            batch=8,
            rounds=4,
            query_subset=subset,
        )
        (curve,) = simulate(cell, lambda rows, seed: labels[rows], [one])
        assert len(np.unique(curve.acquired)) == 40
        return curve.acquired

    assert run(50).tolist() == run(50).tolist()
    assert run(50).tolist() != run(None).tolist()
