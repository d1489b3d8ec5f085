from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.contract import blobs, build, typical
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import STRATEGIES, bait
from nofreelunch.space import rows as space_rows
from nofreelunch.space.geometry import Geometry
from nofreelunch.space.rows import Rows, squared_norms, unit_rows


def weighing(scales: str, labelled: int, size: int) -> tuple[np.ndarray, float]:
    """What rows weigh in M: each labelled one, and each of the batch."""
    total = labelled + size
    if scales == "paper":
        return np.ones(labelled), 1.0
    if scales == "authors":
        return np.full(labelled, 1 / total), size / total
    # The group's loop: means over portions of 32, added up, then times L/(L + b).
    portions = [min(32, labelled - first) for first in range(0, labelled, 32)]
    return np.concatenate([np.full(count, labelled / total / count) for count in portions]), size / total


def plain(
    query: Query, regularisation: float = 3.0, oversample: int = 2, scales: str = "paper", relative: bool = True
) -> list[int]:
    """The search as written: invert, try every row, float64; for pools without ties."""
    x, p = query.features.astype(np.float64), query.probabilities.astype(np.float64)
    labelled, rows = query.labelled, query.candidates
    n, d = x.shape
    size = query.batch_size
    old, new = weighing(scales, len(labelled), size)
    q = p.max(axis=1)
    # Σ over the two outcomes of p(outcome) · gradient gradientᵀ, the gradient being (1 − q) x or −q x.
    information = [(q[i] * (1 - q[i]) ** 2 + (1 - q[i]) * q[i] ** 2) * np.outer(x[i], x[i]) for i in range(n)]
    pool = sum(information) / n
    m = regularisation * (np.trace(pool) / d if relative else 1) * np.eye(d)
    m += sum(weight * information[i] for weight, i in zip(old, labelled, strict=True))
    scaled = {i: information[i] * new for i in rows}

    def trace(matrix: np.ndarray) -> float:
        return np.trace(np.linalg.inv(matrix) @ pool)

    chosen: list[int] = []
    for _ in range(min(oversample * size, len(rows))):
        best = min((i for i in rows if i not in chosen), key=lambda i: trace(m + scaled[i]))
        chosen.append(best)
        m = m + scaled[best]
    while len(chosen) > size:
        worst = min(chosen, key=lambda i: trace(m - scaled[i]))
        chosen.remove(worst)
        m = m - scaled[worst]
    return chosen


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"regularisation": 30.0},
        {"oversample": 1},
        {"oversample": 3},
        {"regularisation": 1.0, "relative": False, "scales": "authors"},
        {"regularisation": 0.001, "relative": False, "scales": "group"},
    ],
    ids=str,
)
def test_same_rows_as_the_search_as_written(classes: int, seed: int, options: dict) -> None:
    query = typical(n=110, d=6, classes=classes, labelled=40, batch=8, seed=seed)
    assert bait.select(query, **options).tolist() == [int(row) for row in plain(query, **options)]


def forward(query: Query, count: int, regularisation: float) -> list[int]:
    """The forward search with rank-one updates over all rows, float64."""
    top = query.probabilities.max(axis=1).astype(np.float64)
    weights, total = top * (1 - top), len(query.labelled) + query.batch_size
    x = query.features.astype(np.float64)
    v = x[query.candidates] * np.sqrt(weights[query.candidates] * query.batch_size / total)[:, None]
    pool = (x * weights[:, None]).T @ x / len(x)
    seen = x[query.labelled]
    p = np.linalg.inv(regularisation * np.eye(x.shape[1]) + (seen * weights[query.labelled][:, None]).T @ seen / total)
    picks: list[int] = []
    for _ in range(count):
        gain = np.einsum("ij,jk,ik->i", v, p @ pool @ p, v) / (1 + np.einsum("ij,jk,ik->i", v, p, v))
        gain[picks] = -1
        picks.append(int(gain.argmax()))
        u = p @ v[picks[-1]]
        p -= np.outer(u, u) / (1 + v[picks[-1]] @ u)
    return picks


@pytest.mark.parametrize("regularisation", [1.0, 0.001])
@pytest.mark.parametrize(("steps", "active"), [(64, 8), (3, 1000), (7, 40), (1, 8)])
def test_blocks_and_bounds_change_no_pick(
    regularisation: float, steps: int, active: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = typical(n=1500, d=24, classes=6, labelled=60, batch=40)
    monkeypatch.setattr(bait, "STEPS", steps)
    monkeypatch.setattr(bait, "ACTIVE", active)
    kept = bait.select(query, regularisation=regularisation, relative=False, scales="authors", oversample=1)
    assert kept.tolist() == query.candidates[forward(query, 40, regularisation)].tolist()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), regularisation=st.sampled_from([1.0, 0.05]), count=st.sampled_from([0, 5, 12, 20]))
def test_bounds_hold(seed: int, regularisation: float, count: int) -> None:
    """With fewer labelled rows than half the dimensions, more, and more than dimensions."""
    query = typical(n=300, d=16, classes=4, labelled=20, batch=10, seed=seed)
    top = query.probabilities.max(axis=1)
    weights = top * (1 - top)
    pool = Rows(query.features).gram(weights) / len(weights)
    seen = query.features[query.labelled[:count]].astype(np.float64)
    seen *= np.sqrt(weights[query.labelled[:count]] / 30)[:, None]
    base = regularisation * np.eye(16) + seen.T @ seen
    v = query.features[query.candidates].astype(np.float64) * np.sqrt(weights[query.candidates])[:, None]
    for done in (0, 1, 5, 20):
        search = bait._Search(query, weights[query.candidates], pool, seen, regularisation)
        search.growth = search.shrinkage = np.zeros(1)
        if done:
            search.add(done)
        picked = v[~search.free]
        p = np.linalg.inv(base + picked.T @ picked)
        gains = np.einsum("ij,jk,ik->i", v, p @ pool @ p, v) / (1 + np.einsum("ij,jk,ik->i", v, p, v))
        bounds = search._bounds(done)
        assert (bounds[search.free] >= gains[search.free] * (1 - 1e-3) - 1e-12).all()
        assert done or bounds == pytest.approx(gains, rel=1e-3)


@pytest.mark.parametrize("d", [1, 7, 40])
def test_a_quadratic_form_by_strips_is_the_whole(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space_rows, "STRIP", 3)
    rng = np.random.default_rng(d)
    features, half = rng.standard_normal((50, d)).astype(np.float32), rng.standard_normal((d, d))
    matrix = (half + half.T).astype(np.float32)
    expected = np.einsum("ij,jk,ik->i", features.astype(np.float64), matrix.astype(np.float64), features)
    np.testing.assert_allclose(Rows(features).quadratic(matrix), expected, atol=1e-4)


def test_a_sure_head_gives_no_information_and_still_a_batch() -> None:
    features, labels = blobs(40, 5, 3)
    query = build(features, np.zeros_like(labels), np.arange(4), 6, classes=3)
    assert len(set(bait.select(query).tolist())) == 6


@pytest.mark.parametrize("seed", range(3))
def test_dropping_the_labelled_rows_changes_most_picks(seed: int) -> None:
    query = typical(n=600, d=32, classes=6, labelled=100, batch=20, seed=seed)
    without = replace(query, labelled=query.labelled[:0], labels=query.labels[:0])

    def kept(**options: object) -> float:
        return float(np.isin(bait.select(query, **options), bait.select(without, **options)).mean())

    assert kept() < 0.75
    # What the scales of the authors' code do to rows of length 1.
    assert kept(regularisation=1.0, relative=False, scales="authors") > 0.8


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_the_length_of_features_changes_no_pick(factor: float) -> None:
    query = typical(n=300, d=12, classes=4, labelled=30, batch=12)
    features = query.features * np.float32(factor)
    longer = replace(query, geometry=Geometry(features, squared_norms(features)))
    assert bait.select(longer).tolist() == bait.select(query).tolist()


def test_shares_of_votes_beyond_1_are_no_information() -> None:
    query = typical(n=60, classes=3, labelled=12, batch=6)
    p = np.where(np.eye(3, dtype=bool)[query.probabilities.argmax(axis=1)], np.float32(1 + 2e-7), np.float32(0))
    assert len(set(bait.select(replace(query, scored=p.astype(np.float32))).tolist())) == 6


def test_it_gains_where_its_peers_do() -> None:
    """Twenty classes, some rare: with the authors' λ and scales the gain is a third of the peers'."""
    rng = np.random.default_rng(5)
    n, classes, d = 900, 20, 32
    shares = 1 / np.arange(1, classes + 1)
    labels = rng.choice(classes, n + 600, p=shares / shares.sum())
    features = rng.standard_normal((classes, d))[labels] + 0.8 * rng.standard_normal((n + 600, d))
    features = unit_rows(features.astype(np.float32))
    head = LogisticSpec(C=100.0, intercept="free")
    cell = Cell.of("made", "up", features[:n], features[n:], labels[n:], classes, head)

    def areas(name: str, **options: object) -> np.ndarray:
        entry = STRATEGIES[name]
        starts = [np.random.default_rng(seed).permutation(n)[:20] for seed in range(5)]
        runs = [
            Run(ips="random", strategy=name, seed=seed, initial=rows, entry=entry, options=options, batch=10, rounds=8)
            for seed, rows in enumerate(starts)
        ]
        curves = simulate(cell, lambda rows, seed: labels[rows], runs)
        return np.array([curve.metrics[:, 0].mean() for curve in curves])

    base = areas("random")
    margin, badge, now = ((areas(name) - base).mean() for name in ("margin", "badge", "bait"))
    before = (areas("bait", regularisation=1.0, relative=False, scales="authors") - base).mean()
    assert min(margin, badge) > 0.04
    assert now > 0.9 * min(margin, badge) > 1.5 * before
