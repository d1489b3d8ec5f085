from dataclasses import replace

import numpy as np
import pytest

from nofreelunch.selection.contract import typical
from nofreelunch.selection.strategies import entropy, least_confident, margin


def _margin(p: np.ndarray) -> float:
    second, first = sorted(p)[-2:]
    return first - second


def _entropy(p: np.ndarray) -> float:
    return sum(x * np.log(x) for x in p if x > 0)


REFERENCES = {margin: _margin, entropy: _entropy, least_confident: max}


@pytest.mark.parametrize("strategy", REFERENCES, ids=lambda module: module.__name__.rsplit(".", 1)[1])
@pytest.mark.parametrize("classes", [2, 5, 40])
@pytest.mark.parametrize("seed", range(3))
def test_same_rows_as_a_loop_in_float64(strategy, classes: int, seed: int) -> None:
    query = typical(n=400, classes=classes, labelled=60, batch=50, seed=seed)
    scores = [REFERENCES[strategy](query.probabilities[row].astype(np.float64)) for row in query.candidates]
    expected = [query.candidates[i] for i in np.argsort(scores, kind="stable")[:50]]
    assert strategy.select(query).tolist() == expected


@pytest.mark.parametrize(
    ("strategy", "expected"), [(margin, [1, 3, 2]), (entropy, [3, 1, 2]), (least_confident, [3, 1, 2])]
)
def test_worked_by_hand(strategy, expected: list[int]) -> None:
    query = typical(n=5, classes=3, labelled=1, batch=3)
    p = np.array([[1, 0, 0], [0.48, 0.47, 0.05], [0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.9, 0.1, 0]], np.float32)
    chosen = replace(query, scored=p, labelled=np.array([0]), candidates=np.arange(1, 5))
    assert strategy.select(chosen).tolist() == expected


def test_ties_go_to_the_lower_row() -> None:
    query = typical(n=40, classes=4, labelled=10, batch=6)
    flat = replace(query, scored=np.full((40, 4), 0.25, np.float32))
    for strategy in REFERENCES:
        assert strategy.select(flat).tolist() == query.candidates[:6].tolist()
