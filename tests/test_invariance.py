"""What all embeddings have in common, and their scale, carry nothing: no pick and no accuracy may depend on it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nofreelunch.base.options import options_model
from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.scaling import scale
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.query import Start
from nofreelunch.selection.strategies import STRATEGIES

POOL, TEST, DIM, CLASSES = 256, 128, 16, 4
RNG = np.random.default_rng(3)
LABELS = RNG.integers(CLASSES, size=POOL + TEST)
# Multiples of 2⁻¹⁰ below 2⁵: adding a constant of that kind, or doubling, rounds nothing in float32.
ROWS = np.round(1024 * (2 * RNG.normal(size=(CLASSES, DIM))[LABELS] + RNG.normal(size=(POOL + TEST, DIM)))) / 1024
SHIFT = np.round(1024 * 20 * RNG.normal(size=DIM)) / 1024


def defaults(method: Callable[..., Any]) -> dict[str, Any]:
    """Its options, as params.py fills them in."""
    return options_model(method)().model_dump()


def everything(rows: np.ndarray) -> list[np.ndarray]:
    """The picks of every pool selection, and picks and scores of every strategy, with the default head."""
    head = LogisticSpec()
    pool, test = scale(rows[:POOL].astype(np.float32), rows[POOL:].astype(np.float32), head.scaling, centre=head.centre)
    cell = Cell.of("toy", "blobs", pool, test, LABELS[POOL:], CLASSES, head)
    starts = [
        select(Start(cell.geometry(0), np.arange(POOL), 12, np.random.default_rng(0)), **defaults(select))
        for select in POOLS.values()
    ]
    runs = [
        Run(
            ips="random",
            strategy=name,
            seed=0,
            initial=starts[0],
            entry=one,
            options=defaults(one.select),
            batch=8,
            rounds=3,
        )
        for name, one in STRATEGIES.items()
    ]
    curves = simulate(cell, lambda picked, seed: LABELS[picked], runs, truth=LABELS[:POOL])
    return [*starts, *(part for curve in curves for part in (curve.acquired, curve.metrics, curve.C))]


@pytest.fixture(scope="module")
def plain() -> list[np.ndarray]:
    return everything(ROWS)


@pytest.mark.parametrize("changed", [ROWS + SHIFT, 4 * ROWS, ROWS / 2 + SHIFT], ids=["shifted", "scaled", "both"])
def test_shift_and_scale_change_no_pick_and_no_score(plain, changed):
    for before, after in zip(plain, everything(changed), strict=True):
        np.testing.assert_array_equal(before, after)
