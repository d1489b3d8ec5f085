"""Products on a device against those of NumPy: on torch's CPU device, and on a GPU where there is one."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from nofreelunch.base.errors import UserError
from nofreelunch.cells.simulation import Cell, Run, probe, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.linear import PANEL
from nofreelunch.selection.contract import CASES, again
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.query import Start
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space import device, neighbours, rows
from nofreelunch.space.geometry import Geometry
from nofreelunch.space.rows import Rows

NAMES = ["torch", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


def blobs(n: int, d: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of length 1 around one centre per class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    features = rng.normal(size=(classes, d))[labels] + 0.8 * rng.normal(size=(n, d))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.fixture(params=NAMES)
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Rows, Rows]:
    """The same matrix on the CPU and on the device, with blocks of a few rows."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 10_000)
    features, _ = blobs(300, 12, 5)
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "cpu")
    here = device.place(features)
    monkeypatch.setenv("NOFREELUNCH_DEVICE", request.param)
    there = device.place(features)
    assert type(here) is Rows
    assert type(there) is device.DeviceRows
    return here, there


SOME = np.array([5, 290, 17, 17, 0, 120])
RNG = np.random.default_rng(1)
CENTRES = RNG.standard_normal((9, 12)).astype(np.float32)
LABELS = np.concatenate([np.arange(9), RNG.integers(9, size=291)])
DISTINCT = RNG.permutation(300)[:150]
SQUARE = CENTRES.T @ CENTRES
LIMITS = RNG.uniform(0, 2, 300).astype(np.float32)


def _scores(matrix: Rows) -> np.ndarray:
    out = matrix.empty(9, 300)
    matrix.scores(CENTRES, out)
    return matrix.down(out)


KERNELS = {
    "scores": _scores,
    "products": lambda matrix: matrix.down(matrix.products(CENTRES.T, SOME)),
    "products with what is there": lambda matrix: matrix.down(matrix.products(matrix.up(CENTRES.T), SOME)),
    "thin product": lambda matrix: matrix.thin_product(matrix.take(SOME), matrix.up(CENTRES.T)),
    "dot": lambda matrix: matrix.down(matrix.dots(7, SOME)),
    "quadratic": lambda matrix: matrix.down(matrix.quadratic(matrix.up(SQUARE))),
    "image lengths": lambda matrix: matrix.down(matrix.image_lengths(matrix.up(CENTRES))),
    "half solved": lambda matrix: matrix.down(
        matrix.half_solved(*(matrix.up(array.astype(np.float64)) for array in (SQUARE + np.eye(12), CENTRES.T)))
    ),
    "gram": lambda matrix: matrix.down(matrix.gram(np.linspace(0, 1, 300, dtype=np.float32))),
    "nearest": lambda matrix: matrix.down(matrix.nearest(CENTRES, (CENTRES**2).sum(axis=1))),
    "assign": lambda matrix: matrix.assign(CENTRES),
    "assign some": lambda matrix: matrix.assign(CENTRES, SOME),
    "sums": lambda matrix: matrix.down(matrix.sums(DISTINCT, LABELS[:150], 11)),
    "offset lengths": lambda matrix: matrix.offset_lengths(matrix.up(CENTRES), LABELS),
    "unit part": lambda matrix: matrix.unit_part(DISTINCT).features,
    "neighbour distance": lambda matrix: matrix.down(matrix.mean_neighbour_distance(DISTINCT, 7)),
    "squared neighbour distance": lambda matrix: matrix.down(
        matrix.mean_neighbour_distance(DISTINCT, 149, squared=True)
    ),
    "sampled distance": lambda matrix: matrix.sampled_distance(slice(5, 90), 7, 5),
    "pairs": lambda matrix: matrix.pairs(slice(10, 40), slice(70, 90), LIMITS),
    "pairs of one part": lambda matrix: matrix.pairs(slice(10, 40), slice(10, 40), LIMITS),
    "within": lambda matrix: matrix.within(SOME, np.array([0.9, 0.5, 1.2, np.inf, 0, 0.7], np.float32)),
}


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_kernels_agree(pair: tuple[Rows, Rows], kernel) -> None:
    here, there = (kernel(matrix) for matrix in pair)
    for one, other in zip(*(part if isinstance(part, tuple) else (part,) for part in (here, there)), strict=True):
        assert one.dtype == other.dtype
        if np.issubdtype(one.dtype, np.integer):
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, atol=2e-5)


def test_equal_centres_go_to_the_lower_one(pair: tuple[Rows, Rows]) -> None:
    for matrix in pair:
        labels, *_ = matrix.assign(np.repeat(CENTRES[:3], 2, axis=0))
        assert set(labels) <= {0, 2, 4}


@pytest.mark.parametrize("name", NAMES)
def test_initial_pools_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features, _ = blobs(400, 16, 6)
    picks = []
    for where in ("cpu", name):
        monkeypatch.setenv("NOFREELUNCH_DEVICE", where)
        geometry = Geometry(features, rows.squared_norms(features), "test", 0)
        picks.append(
            {
                ips: POOLS[ips](Start(geometry, np.arange(len(features)), 25, np.random.default_rng(0))).tolist()
                for ips in POOLS
            }
        )
    assert picks[0] == picks[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [3, 20])
def test_runs_are_the_same_where_the_device_draws_nothing_and_heads_agree(
    classes: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = blobs(900, 24, classes)
    pool, test = features[:600], features[600:]
    initial = np.random.default_rng(0).permutation(600)[:40]
    runs = [
        Run(ips="random", strategy=strategy, seed=0, initial=initial, entry=entry, batch=15, rounds=3)
        for strategy, entry in STRATEGIES.items()
        if strategy != "dropquery"
    ]
    curves, probabilities = [], []
    for where in ("cpu", name):
        monkeypatch.setenv("NOFREELUNCH_DEVICE", where)
        cell = Cell.of("toy", "blobs", pool, test, labels[600:], classes, LogisticSpec())
        curves.append(simulate(cell, lambda picked, seed: labels[picked], runs, truth=labels[:600]))
        probabilities.append(cell.fitting(0)(initial, labels[initial]).probabilities(test))
    for run, here, there in zip(runs, *curves, strict=True):
        assert here.acquired.tolist() == there.acquired.tolist(), run.strategy
        np.testing.assert_allclose(here.metrics, there.metrics, atol=1e-4, err_msg=run.strategy)
    np.testing.assert_allclose(*probabilities, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_pool_and_test_rows_are_copied_once_for_all_runs_of_a_cell(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []
    hold = device.hold
    monkeypatch.setattr(device, "hold", lambda rows, where: copied.append(len(rows)) or hold(rows, where))
    monkeypatch.setenv("NOFREELUNCH_DEVICE", name)
    features, labels = blobs(300, 12, 4)
    cell = Cell.of("toy", "blobs", features[:200], features[200:], labels[200:], 4, LogisticSpec())
    for strategy in ("margin", "coreset", "badge", "typiclust", "bait"):
        runs = [
            Run(ips="random", strategy=strategy, seed=seed, initial=np.arange(30), entry=STRATEGIES[strategy], batch=5,
                rounds=2)
            for seed in range(2)
        ]  # fmt: skip
        simulate(cell, lambda picked, seed: labels[picked], runs)
    probe(cell, labels[:200])
    assert sorted(copied) == [100, 200]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_picks_in_company_what_it_picks_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", name)
    features, labels = blobs(400, 16, 5)
    cell = Cell.of("toy", "blobs", features[:300], features[300:], labels[300:], 5, LogisticSpec())
    runs = [
        Run(ips="random", strategy=strategy, seed=seed, initial=np.arange(20 + 5 * seed), entry=STRATEGIES[strategy],
            batch=10, rounds=2 + seed)
        for strategy in ("badge", "alfamix", "dropquery")
        for seed in range(2)
    ]  # fmt: skip
    together = simulate(cell, lambda picked, seed: labels[picked], runs)
    for run, curve in zip(runs, together, strict=True):
        alone = simulate(cell, lambda picked, seed: labels[picked], [run])[0]
        assert curve.acquired.tolist() == alone.acquired.tolist(), run.strategy
        np.testing.assert_allclose(curve.metrics, alone.metrics, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strategy", ["alfamix", "badge", "bait", "coreset", "dropquery"])
def test_awkward_requests_get_whole_and_seeded_batches(
    strategy: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", name)
    for case, made in CASES.items():
        query = made()
        rows = STRATEGIES[strategy].select(query)
        assert len(np.unique(rows)) == len(rows) == min(query.batch_size, len(query.candidates)), case
        assert np.isin(rows, query.candidates).all(), case
        np.testing.assert_array_equal(STRATEGIES[strategy].select(again(query)), rows, err_msg=case)


class Largest(TorchDispatchMode):
    """Notes the bytes of the largest tensor that any operation returns."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, torch.Tensor):
                self.bytes = max(self.bytes, part.nelement() * part.element_size())
        return result


@pytest.mark.parametrize("strategy", ["typiclust", "coreset", "badge", "bait", "alfamix", "probcover", "maxherding"])
def test_blocks_bound_the_memory_on_the_device(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", 120_000)
    monkeypatch.setattr(neighbours, "TILE", 150)
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "torch")
    features, labels = blobs(2400, 12, 4)
    cell = Cell.of("toy", "blobs", features[:2000], features[2000:], labels[2000:], 4, LogisticSpec())
    entry = STRATEGIES[strategy]
    run = Run(ips="random", strategy=strategy, seed=0, initial=np.arange(60), entry=entry, batch=40, rounds=1)
    with Largest() as largest:
        simulate(cell, lambda picked, seed: labels[picked], [run])
    # A panel of heads scores all rows at once; all else but the pool's own copy is within the bound.
    assert largest.bytes <= 4 * PANEL * 2000


def test_a_copy_on_the_device_does_not_travel(pair: tuple[Rows, Rows]) -> None:
    _, there = pair
    size = len(pickle.dumps(there))
    before = there.nearest(CENTRES, (CENTRES**2).sum(axis=1))
    assert len(pickle.dumps(there)) == size
    again = pickle.loads(pickle.dumps(there)).nearest(CENTRES, (CENTRES**2).sum(axis=1))
    np.testing.assert_array_equal(again, before)


@pytest.mark.parametrize("name", ["gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "torch:1", " cuda"])
def test_an_unknown_device_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", name)
    with pytest.raises(UserError, match="must be cpu, cuda"):
        device.kind()


def test_an_empty_device_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "")
    assert device.kind() == "cpu"


def test_a_missing_device_is_refused_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "cuda:99")
    assert device.kind() == "cuda"
    with pytest.raises(UserError, match=r"'cuda:99', but torch .* CUDA devices here.*'cpu'"):
        device.place(CENTRES)


def test_the_cpu_needs_no_torch() -> None:
    code = """
import sys
import numpy as np
from nofreelunch.cells import experiment, initial_pools
from nofreelunch.space.device import place
place(np.eye(3, dtype=np.float32)).assign(np.eye(3, dtype=np.float32))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
