"""What runs share on a device: probabilities that stay there, picks in steps for all, and how often they wait."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.utils import _device
from torch.utils._python_dispatch import TorchDispatchMode

from nofreelunch.cells import metrics
from nofreelunch.cells.panel import score_panel
from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads.head import OneByOne
from nofreelunch.heads.kinds.knn import KnnSpec
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.contract import CASES, again, blobs, build
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.query import Query, Start, Strategy
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.selection.together import Block, Jointly
from nofreelunch.space import device
from nofreelunch.space.draws import draws_there, weighted_draw
from nofreelunch.space.geometry import Geometry
from nofreelunch.space.held_rows import HeldRows
from nofreelunch.space.rows import Rows, squared_norms

NAMES = ["torch", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
JOINT = [name for name, entry in STRATEGIES.items() if isinstance(entry.select, Jointly)]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", request.param)
    return request.param


def ragged() -> list[Query]:
    """Requests on one pool with other labels, candidates, batches and generators each."""
    features, labels = blobs(200, 12, 5)
    made = []
    for seed, (count, batch) in enumerate([(20, 9), (31, 4), (25, 200), (20, 1)]):
        labelled = np.random.default_rng(seed).permutation(200)[:count]
        candidates = np.setdiff1d(np.random.default_rng(9 + seed).permutation(200)[: 150 - 20 * seed], labelled)
        order = np.random.default_rng(seed).permutation(candidates)
        made.append(build(features, labels, labelled, batch, candidates=order, seed=seed))
    return made


@pytest.mark.parametrize("strategy", JOINT)
def test_requests_of_unlike_sizes_are_answered_together_as_each_alone_and_as_on_the_cpu(
    strategy: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = STRATEGIES[strategy].select
    queries = ragged()
    together = select.together(Block(queries))
    alone = [select(again(query, seed)) for seed, query in enumerate(queries)]
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "cpu")
    here = [select(again(query, seed)) for seed, query in enumerate(queries)]
    assert [rows.tolist() for rows in together] == [rows.tolist() for rows in alone]
    assert [rows.tolist() for rows in together] == [rows.tolist() for rows in here]


@pytest.mark.parametrize("strategy", JOINT)
def test_a_pool_that_is_held_in_part_is_asked_the_same(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "torch")
    whole = STRATEGIES[strategy].select.together(Block(ragged()))
    part = lambda features, where: HeldRows(features, torch.tensor(features[:70]))  # noqa: E731
    monkeypatch.setattr(device, "hold", part)
    held = STRATEGIES[strategy].select.together(Block(ragged()))
    assert [rows.tolist() for rows in held] == [rows.tolist() for rows in whole]


@pytest.mark.parametrize("strategy", JOINT)
@pytest.mark.parametrize("case", ["duplicates", "nothing but zero rows", "one class labelled", "no candidate"])
def test_awkward_requests_are_answered_together(strategy: str, case: str, name: str) -> None:
    queries = [CASES[case](), again(CASES[case](), 1)]
    for query, rows in zip(queries, STRATEGIES[strategy].select.together(Block(queries)), strict=True):
        assert rows.dtype == np.int64
        assert len(np.unique(rows)) == len(rows) == min(query.batch_size, len(query.candidates))
        assert np.isin(rows, query.candidates).all()


def test_equal_scores_go_to_the_earlier_candidate(name: str) -> None:
    queries = [replace(query, candidates=query.candidates[::-1].copy()) for query in ragged()[:2]]
    block = Block(queries)
    even = block.rows.up(np.zeros((2, 200), np.float32))
    for query, rows in zip(queries, block.lowest(even), strict=True):
        assert rows.tolist() == query.candidates[: query.batch_size].tolist()


@settings(max_examples=60, deadline=None)
@given(
    weights=st.lists(st.integers(0, 5), min_size=2, max_size=40),
    scale=st.sampled_from([1e-30, 1.0, 1e20]),
    seed=st.integers(0, 99),
)
def test_draws_there_are_those_of_the_cpu(weights: list[int], scale: float, seed: int) -> None:
    some = np.array([weights, weights[::-1]]) * scale
    draw = draws_there([np.random.default_rng(seed), np.random.default_rng(seed + 1)], [1, 1], torch.tensor)
    rows = draw(torch.tensor(some), torch.tensor(some > 0)).tolist()
    if any(weights):
        assert rows == [weighted_draw(own, np.random.default_rng(seed + i)) for i, own in enumerate(some)]


def test_draws_there_are_uniform_over_what_is_free_where_nothing_weighs() -> None:
    free = torch.tensor([[False, True, True, False, True]])
    draw = draws_there([np.random.default_rng(0)], [3000], torch.tensor)
    counts = np.bincount([draw(torch.zeros(1, 5), free).item() for _ in range(3000)], minlength=5)
    assert counts[[0, 3]].sum() == 0
    assert stats.chisquare(counts[[1, 2, 4]]).pvalue > 1e-4


@settings(max_examples=60, deadline=None)
@given(
    heads=st.integers(1, 4),
    rows=st.integers(1, 70),
    classes=st.integers(2, 6),
    sure=st.sampled_from([0.02, 0.3, 5.0]),
    seed=st.integers(0, 999),
)
def test_metrics_there_are_those_of_the_cpu(heads: int, rows: int, classes: int, sure: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = rng.dirichlet(np.ones(classes) * sure, size=(heads, rows)).astype(np.float32).swapaxes(1, 2)
    # Ties, and a class that no head knows.
    panel[0, :, 0] = 1 / classes
    panel[-1, 1] += panel[-1, 0]
    panel[-1, 0] = 0
    labels = rng.integers(classes, size=rows)
    test = np.zeros((rows, 3), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOFREELUNCH_DEVICE", "torch")
        there = device.place(test)
        found = score_panel(there.up(panel), labels, there)
    for own, (values, bits) in zip(panel, found, strict=True):
        expected = metrics.score(own.T, labels)
        np.testing.assert_array_equal(values[:3], expected[:3])
        np.testing.assert_allclose(values[3:], expected[3:], rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(bits, metrics.correct(own.T, labels))


def test_heads_of_all_kinds_are_scored_together(name: str) -> None:
    features, labels = blobs(120, 8, 4)
    fitted = []
    for spec in (LogisticSpec(C=10.0), KnnSpec(kind="knn")):
        cell = Cell.of("toy", "blobs", features, features, labels, 4, spec)
        fitted += [cell.fitting(0)(rows, labels[rows]) for rows in (np.arange(30), np.flatnonzero(labels < 2)[:20])]
    fitted = [fitted[0], fitted[2], fitted[1], fitted[3]]
    from nofreelunch.heads.linear import score_all

    (panel,) = score_all(fitted, cell.rows)
    for head, own in zip(fitted, cell.rows.down(panel), strict=True):
        np.testing.assert_allclose(own.T, head.probabilities(features), atol=1e-6)
        assert not np.delete(own, head.classes, axis=0).any()


class Waits(TorchDispatchMode):
    """Counts what makes the host wait for a device: values that are asked for, and indices of what is true."""

    ASKED = ("aten._local_scalar_dense", "aten.nonzero", "aten.masked_select", "aten.equal", "aten._unique2")

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.paused = False

    def note(self, what: str) -> None:
        self.counts[what] += not self.paused

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        packet = str(func.overloadpacket)
        if packet in self.ASKED:
            self.note(packet)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "torch")
    mode, down = Waits(), device.DeviceRows.down

    def noted(self, array):
        if isinstance(array, torch.Tensor):
            mode.note("down")
        return down(self, array)

    monkeypatch.setattr(device.DeviceRows, "down", noted)
    with mode:
        yield mode


def rounds_of(cell: Cell, labels: np.ndarray, entry: Strategy, count: int, rounds: int, waits: Waits) -> Counter[str]:
    """What ``count`` runs wait for in so many rounds, fits of heads apart."""
    fit_many = cell.trainer.fit_many

    def fits(*arguments):
        waits.paused = True
        try:
            return fit_many(*arguments)
        finally:
            waits.paused = False

    waits.counts.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell.trainer, "fit_many", fits)
        runs = [
            Run(ips="random", strategy="s", seed=seed, initial=np.random.default_rng(seed).permutation(300)[:20],
                entry=entry, batch=8, rounds=rounds)
            for seed in range(count)
        ]  # fmt: skip
        simulate(cell, lambda picked, seed: labels[picked], runs)
    return waits.counts.copy()


# Metrics come down once a round for all runs of a block, picks once.
@pytest.mark.parametrize("strategy", sorted({*JOINT} - {"bait"}))
def test_a_block_waits_twice_a_round_however_many_runs_and_picks_it_has(strategy: str, waits: Waits) -> None:
    features, labels = blobs(400, 12, 4)
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 4, LogisticSpec(C=10.0))
    for count in (1, 5):
        counts = [rounds_of(cell, labels, STRATEGIES[strategy], count, rounds, waits) for rounds in (1, 3)]
        assert counts[1] - counts[0] == {"down": 4}, (strategy, count)


def test_bait_waits_some_times_for_each_run_and_never_for_a_pick(waits: Waits) -> None:
    features, labels = blobs(400, 12, 4)
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 4, LogisticSpec(C=10.0))
    for count in (1, 5):
        counts = [rounds_of(cell, labels, STRATEGIES["bait"], count, rounds, waits) for rounds in (1, 3)]
        assert (counts[1] - counts[0]).total() == 2 * (2 + 4 * count)


# A run of its own: what it brings down hangs on no number of picks, but for k-means.
@pytest.mark.parametrize(("strategy", "bound"), [("random", 0), ("dropquery", 60), ("alfamix", 60), ("typiclust", 60)])
def test_other_strategies_wait_a_bounded_number_of_times(strategy: str, bound: int, waits: Waits) -> None:
    features, labels = blobs(400, 12, 4)
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 4, LogisticSpec(C=10.0))
    counts = [rounds_of(cell, labels, STRATEGIES[strategy], 2, rounds, waits) for rounds in (1, 2)]
    waited = counts[1] - counts[0]
    assert waited.total() - 1 <= 2 * bound, waited


def test_probabilities_come_down_for_a_strategy_that_asks_for_them_once_and_read_only(waits: Waits) -> None:
    features, labels = blobs(400, 12, 4)
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 4, LogisticSpec(C=10.0))
    kinds = []

    def select(query: Query) -> np.ndarray:
        for row in query.candidates[:3]:
            kinds.append(
                (type(query.probabilities[row]), query.probabilities.flags.writeable, query.probabilities.shape)
            )
        return query.candidates[: query.batch_size]

    counts = [rounds_of(cell, labels, Strategy(select), 1, rounds, waits)["down"] for rounds in (1, 3)]
    assert counts[1] - counts[0] == 4
    assert set(kinds) == {(np.ndarray, False, (300, 4))}


def test_a_strategy_of_ones_own_that_calls_a_built_in_one_is_asked_alone(name: str) -> None:
    features, labels = blobs(400, 12, 4)
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 4, LogisticSpec(C=10.0))
    asked = []

    def select(query: Query) -> np.ndarray:
        asked.append(len(query.labelled))
        return STRATEGIES["badge"].select(query)

    runs = [
        Run(ips="random", strategy="own", seed=seed, initial=np.arange(20), entry=Strategy(select), batch=5, rounds=2)
        for seed in range(2)
    ]
    simulate(cell, lambda picked, seed: labels[picked], runs)
    assert asked == [20, 20, 25, 25]


def test_on_the_cpu_each_run_is_asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "cpu")
    features, labels = blobs(400, 12, 4)
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 4, LogisticSpec(C=10.0))
    asked = []
    select = Jointly(lambda block: asked.append(len(block.queries)) or [block.queries[0].candidates[:5]])
    runs = [
        Run(ips="random", strategy="own", seed=0, initial=np.arange(20), entry=Strategy(select), batch=5, rounds=1)
        for _ in range(3)
    ]
    simulate(cell, lambda picked, seed: labels[picked], runs)
    assert asked == [1, 1, 1]
    assert isinstance(cell.trainer, OneByOne)
    assert type(cell.rows) is Rows


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What does not say where it is to be made would be on the host of a GPU, and is nowhere here; NumPy cannot read a
    tensor unasked."""
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "torch")
    monkeypatch.setattr(torch.Tensor, "__array__", None)
    # Of a tensor it makes another one beside it.
    elsewhere = _device._device_constructors() - {torch.asarray}
    monkeypatch.setattr(_device, "_device_constructors", lambda: elsewhere)
    with torch.device("meta"):
        yield


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_makes_nothing_beside_the_device_and_takes_nothing_unasked(strategy: str) -> None:
    features, labels = blobs(400, 12, 4)
    runs = [
        Run(ips="random", strategy=strategy, seed=seed, initial=np.arange(20 + seed), entry=STRATEGIES[strategy],
            batch=8, rounds=2, query_subset=subset)
        for seed, subset in enumerate([None, None, 100])
    ]  # fmt: skip
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 4, LogisticSpec())
    curves = simulate(cell, lambda picked, seed: labels[picked], runs, truth=labels[:300])
    assert [len(curve.acquired) for curve in curves] == [36, 37, 38]


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("ips", POOLS)
def test_a_pool_selection_makes_nothing_beside_the_device_and_takes_nothing_unasked(ips: str) -> None:
    features, _ = blobs(200, 12, 4)
    geometry = Geometry(3 * features, squared_norms(3 * features), "test", 0)
    rows = POOLS[ips](Start(geometry, np.arange(200), 15, np.random.default_rng(0)))
    assert len(np.unique(rows)) == 15
