"""A matrix that a device holds in part gives what the whole one gives, and says what would fit where nothing does."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_device import KERNELS, blobs

from nofreelunch.base.errors import UserError
from nofreelunch.cells.made import make
from nofreelunch.space import device, held_rows, rows
from nofreelunch.space.held_rows import GIB, LEAST, HeldRows, fitting, hold

FEATURES, _ = blobs(300, 12, 5)
CPU = torch.device("cpu")


@pytest.fixture(params=[0, 120, 299])
def matrices(request, monkeypatch):
    """The same rows by NumPy, and on torch's device with so many of them held there."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 1_000)
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "torch")
    monkeypatch.setattr(held_rows, "free_bytes", lambda _: LEAST)
    monkeypatch.setattr(held_rows, "fitting", lambda *_: request.param)
    there = device.place(FEATURES)
    assert isinstance(there._x, HeldRows)
    assert len(there._x.there) == request.param
    return rows.Rows(FEATURES), there


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_products_with_a_part_are_those_with_the_whole(matrices, kernel):
    here, there = (kernel(matrix) for matrix in matrices)
    for one, other in zip(*(part if isinstance(part, tuple) else (part,) for part in (here, there)), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, atol=2e-5)


@given(st.slices(9), st.lists(st.integers(0, 8)), st.integers(0, 9))
def test_rows_are_the_same_wherever_they_lie(some, numbers, held):
    features = np.arange(18, dtype=np.float32).reshape(9, 2)
    matrix = HeldRows(features, torch.tensor(features[:held]))
    if (some.step or 1) > 0:
        np.testing.assert_array_equal(matrix[some].numpy(), features[some])
    np.testing.assert_array_equal(
        matrix[torch.tensor(numbers, dtype=torch.int64)].numpy(), features[np.array(numbers, int)]
    )


def test_how_many_rows_fit_by_hand():
    assert fitting((650_000, 4_096), None, "torch") == 650_000
    assert fitting((650_000, 4_096), 139 * GIB, "cuda") == 650_000
    # Three quarters of 8 GiB in rows of 16 KiB.
    assert fitting((650_000, 4_096), 8 * GIB, "cuda") == 6 * 65_536
    with pytest.raises(UserError, match=r"cuda:1 has 0\.25 GiB.* need 0\.50 .*With 13\.2 GiB free, all 650,000 rows"):
        fitting((650_000, 4_096), GIB // 4, "cuda:1")


def test_memory_that_torch_keeps_for_later_is_free(monkeypatch):
    """Else a small matrix would be refused once larger temporaries have come and gone."""
    known = {"mem_get_info": (GIB, 80 * GIB), "memory_reserved": 30 * GIB, "memory_allocated": 10 * GIB}
    for name, value in known.items():
        monkeypatch.setattr(torch.cuda, name, lambda _, value=value: value)
    assert held_rows.free_bytes(torch.device("cuda")) == 21 * GIB
    assert held_rows.free_bytes(CPU) is None


def test_what_others_took_meanwhile_is_left_to_them(monkeypatch):
    """Sixteen workers that start at once see the same memory, and one of them gets less of it."""
    real, asked = torch.tensor, []

    def tensor(array, **options):
        asked.append(len(array))
        if len(array) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(array, **options)

    monkeypatch.setattr(torch, "tensor", tensor)
    monkeypatch.setattr(held_rows, "free_bytes", lambda _: GIB)
    held = hold(FEATURES, CPU)
    assert asked == [300, 150, 75]
    monkeypatch.undo()
    np.testing.assert_allclose((held @ torch.tensor(FEATURES[:3].T)).numpy(), FEATURES @ FEATURES[:3].T, atol=1e-6)


def test_runs_that_do_not_fit_together_are_computed_alone():
    """And one that does not even fit alone is a fault among others, which says what to do."""

    said = "CUDA out of memory. GPU 1 has a total capacity of 8.00 GiB of which 1.25 GiB is free."

    def compute(items):
        if len(items) > 1 or items[0] == "large":
            raise torch.OutOfMemoryError(f"{said} Including non-PyTorch memory, this process has 6.75 GiB in use.")
        return {items[0]: {"rows": np.arange(3)}}

    made = make(compute, ["a", "b", "large", "c"])
    assert made.entries.keys() == {"a", "b", "c"}
    assert len(made.faults) == 1
    assert "memory does not suffice" in made.faults[0]
    assert f"({said[:-1]})" in made.faults[0]
    assert "NOFREELUNCH_DEVICE=cpu" in made.faults[0]


def test_other_errors_are_nobodys_memory():
    def compute(items):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        make(compute, ["a"])
