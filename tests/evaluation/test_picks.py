import numpy as np
import pytest

from nofreelunch.base import layout, storage
from nofreelunch.base.randomness import generator
from nofreelunch.cells.plane import plane
from nofreelunch.evaluation.picks import load_picks
from nofreelunch.params import Grid

GRID = Grid(datasets=["d"], embedders=["e"], pools=["random", "typiclust"], strategies=["random", "margin"], seeds=2)


def test_the_plane_is_that_of_the_largest_variance_and_always_the_same():
    rng = generator("test", "plane")
    x = rng.normal(size=(300, 6)) * [9, 4, 0.1, 0.1, 0.1, 0.1]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    first, second = (plane(x) for _ in range(2))
    values = np.linalg.svd(unit - unit.mean(axis=0), compute_uv=False)
    assert [np.linalg.norm(first[name]) for name in "xy"] == pytest.approx(values[:2], rel=1e-3)
    for name in "xy":
        assert first[name].tolist() == second[name].tolist()
        assert first[name][np.abs(first[name]).argmax()] > 0


@pytest.mark.parametrize("x", [np.zeros((4, 3)), np.ones((3, 1)), np.eye(2)])
def test_degenerate_embeddings_lie_in_the_plane_too(x):
    found = plane(x.astype(np.float16))
    assert np.isfinite([found["x"], found["y"]]).all()


def test_picks_are_those_of_the_first_pool_and_seed_and_batches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.arange(40.0)
    storage.write_table(layout.plane("d", "e"), {"x": x, "y": -x})
    keys = [
        (ips, strategy, seed, number, row)
        for i, ips in enumerate(("random", "typiclust"))
        for j, strategy in enumerate(("random", "margin", "badge"))
        for seed in (0, 1)
        for number in range(5)
        for row in (20 * i + 5 * j + number,)
    ]
    names = ("ips", "strategy", "seed", "round", "row")
    storage.write_table(layout.acquired("d", "e"), dict(zip(names, map(list, zip(*keys, strict=True)), strict=True)))
    table = load_picks(GRID, "e")
    assert (table["strategy"] == "").sum() == 40
    picked = table[table["strategy"] != ""]
    assert [tuple(row) for row in picked[["strategy", "round", "x"]].itertuples(index=False)] == [
        (strategy, number, 5.0 * j + number) for j, strategy in enumerate(("random", "margin")) for number in range(4)
    ]
    assert (table["y"] == -table["x"]).all()
