import numpy as np
import pytest

from nofreelunch.selection.contract import again, blobs, build, typical
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import alfamix
from nofreelunch.space import geometry
from nofreelunch.space.rows import Rows


def plain_flips(query: Query, epsilon: float, missing: str) -> np.ndarray:
    """The paper's equation 5, feature by feature and anchor by anchor, in float64."""
    weights, bias = query.head.coefficients.astype(np.float64), query.head.intercepts.astype(np.float64)
    x, d = query.features.astype(np.float64), query.features.shape[1]
    anchors = []
    for label in range(query.head.class_count):
        rows = query.labelled[query.labels == label]
        if len(rows) or missing == "mean":
            anchors.append(x[rows if len(rows) else query.labelled].mean(axis=0))
    flips = []
    for row in query.candidates:
        scores = weights @ x[row] + bias
        p = np.exp(scores - scores.max())
        p /= p.sum()
        predicted = scores.argmax()
        gradient = weights.T @ (p - np.eye(len(p))[predicted])
        flipped = False
        for anchor in anchors:
            gap = anchor - x[row]
            alpha = epsilon / np.sqrt(d) * np.linalg.norm(gap) / np.linalg.norm(gradient) * gradient / gap
            mixed = alpha * anchor + (1 - alpha) * x[row]
            flipped |= (weights @ mixed + bias).argmax() != predicted
        flips.append(flipped)
    return np.array(flips)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("epsilon", [0.1, 0.2, 0.6])
@pytest.mark.parametrize("missing", ["skip", "mean"])
def test_same_rows_as_the_papers_equation(seed: int, epsilon: float, missing: str) -> None:
    features, labels = blobs(220, 10, 6, seed)
    labelled = np.flatnonzero(labels < 5)[:25]
    query = build(features, labels, labelled, 7, classes=6, seed=seed)
    rows = alfamix.select(query, epsilon=epsilon, missing=missing)
    flips = query.candidates[plain_flips(query, epsilon, missing)]
    if len(flips) <= 7:
        assert set(flips) <= set(rows.tolist())
        return
    directions = Rows(features).unit_part(flips)
    assert rows.tolist() == flips[geometry.medoids(directions, 7, np.random.default_rng(seed))].tolist()


def test_growing_steps_reach_more_rows() -> None:
    query = typical(n=300, classes=6, labelled=30, batch=12)
    assert plain_flips(query, 0.02, "skip").sum() <= 12
    enough = next(k for k in range(1, 50) if plain_flips(query, 0.02 * k, "skip").sum() > 12)
    rows = alfamix.select(query, epsilon=0.02, grow=True)
    assert set(rows) <= set(query.candidates[plain_flips(query, 0.02 * enough, "skip")])


def test_every_option_of_a_missing_class_is_legal() -> None:
    features, labels = blobs(60, 5, 4)
    query = build(features, labels, np.flatnonzero(labels == 2)[:3], 5, classes=4)
    for missing in ("skip", "mean"):
        assert len(set(alfamix.select(again(query), missing=missing).tolist())) == 5
