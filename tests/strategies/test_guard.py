"""A wrong strategy is refused, each with its own message."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.contract import blobs
from nofreelunch.selection.guard import checked
from nofreelunch.selection.query import Strategy
from nofreelunch.selection.together import Block

# Rows 0 to 4 are labelled.
CANDIDATES = np.arange(5, 30)

WRONG = {
    "duplicates": ([7, 8, 8], "the row 8 2 times"),
    "a labelled row": ([7, 8, 3], "the row 3, which is labelled already"),
    "positions in place of rows": (np.arange(3), "the row 0, which is labelled already.*query.candidates"),
    "a negative row": ([7, 8, -1], "the negative row -1"),
    "a row beyond the pool": ([7, 8, 30], "the row 30, which is not in the pool"),
    "too few": ([7, 8], "2 rows, not 3"),
    "too many": ([7, 8, 9, 10], "4 rows, not 3"),
    "nothing": (None, "shape"),
    "numbers that are not whole": ([7.5, 8.0, 9.0], "float64 values"),
    "NaN": ([np.nan, 8, 9], "NaN and infinity are no rows"),
    "a mask": (np.arange(30) < 3, "np.flatnonzero"),
    "a table": ([[7, 8, 9]], r"shape \(1, 3\)"),
    "a ragged list": ([[7, 8], [9]], "no array"),
    "names": (["a", "b", "c"], "not whole numbers"),
}


@pytest.mark.parametrize(("picked", "message"), WRONG.values(), ids=WRONG)
def test_each_wrong_batch_has_its_own_message(picked, message):
    with pytest.raises(UserError, match=f"mine on seed 3: .*{message}"):
        checked(picked, CANDIDATES, 30, 3, "mine on seed 3")


@given(st.data())
def test_every_legal_batch_passes_as_it_is(data):
    candidates = np.array(data.draw(st.lists(st.integers(0, 60), max_size=30, unique=True)), np.int64)
    size = data.draw(st.integers(0, 40))
    rows = data.draw(st.permutations(candidates.tolist()))[:size]
    kind = data.draw(st.sampled_from([np.int16, np.uint8, np.int64]))
    kept = checked(np.array(rows, kind), candidates, 61, size, "x")
    assert kept.dtype == np.int64
    assert kept.tolist() == rows


def test_the_last_batch_is_what_is_left():
    assert checked([9, 8], np.array([8, 9]), 10, 5, "x").tolist() == [9, 8]
    assert len(checked([], np.array([], np.int64), 10, 5, "x")) == 0


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (lambda query: np.repeat(query.candidates[:1], query.batch_size), "strategy 'mine' .*round 1: .* 4 times"),
        (lambda query: query.labelled[: query.batch_size], "labelled already"),
        (lambda query: query.features.sort() or query.candidates, "read-only"),
        (lambda query: Block([query]).lowest(np.full(len(query.features), np.nan))[0], "NaN"),
    ],
    ids=["duplicates", "labelled rows", "writes to the pool", "scores of NaN"],
)
def test_a_wrong_strategy_publishes_no_curve(select, message):
    features, labels = blobs(60, 8, 3)
    cell = Cell.of("task", "embedder", features[:40], features[40:], labels[40:], 3, LogisticSpec())
    run = Run(ips="random", strategy="mine", seed=7, initial=np.arange(5), entry=Strategy(select), batch=4, rounds=2)
    with pytest.raises((UserError, ValueError), match=message):
        simulate(cell, lambda rows, _: labels[rows], [run])
