"""A matrix on a device that has not the memory for all of it: some rows lie there, the others come from the host.

How many lie there depends on what is free, and no product on how many do: values are float32 on either side. Half
precision would hold twice as many, and was left out, as picks would depend on the memory that others leave.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Union

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.space.rows import BLOCK_BYTES, blocks

if TYPE_CHECKING:
    import torch

# Of what is free, for the rows: with large matrices products need far less beside them. Below LEAST bytes not even the
# blocks of a product fit.
SHARE, LEAST = 0.75, 8 * BLOCK_BYTES
GIB = 2**30


class Held(Protocol):
    """What a product asks of a matrix (n, d); torch's own tensors have it."""

    def __getitem__(self, index: Union[slice, "torch.Tensor"], /) -> "torch.Tensor":
        """Rows."""

    def __matmul__(self, other: "torch.Tensor", /) -> "torch.Tensor":
        """(n, …), the product with all rows."""


def free_bytes(device: "torch.device") -> int | None:
    """Bytes that are free on a GPU, with those that torch keeps for tensors to come; None where host and device are
    one."""
    import torch

    if device.type == "cpu":
        return None
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept


@contextmanager
def memory_told() -> Iterator[None]:
    """Turn a device's want of memory into an error that says what to do about it; torch is not imported for that.

    Raises:
        UserError: memory did not suffice.
    """
    try:
        yield
    except RuntimeError as error:
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(error, torch.OutOfMemoryError):
            raise
        # The device, how much was asked for, and how much of what it has was free; then comes advice for programmers.
        said = str(error).partition(" Including")[0].rstrip(".")
        raise UserError(
            f"the device's memory does not suffice for this beside the pool ({said}). End what else runs there, set "
            "NOFREELUNCH_JOBS=1, take a device with more memory, or set NOFREELUNCH_DEVICE=cpu."
        ) from error


def fitting(shape: tuple[int, int], free: int | None, device: str) -> int:
    """How many of the rows of a float32 matrix of ``shape`` lie on a ``device`` with so many ``free`` bytes.

    Raises:
        UserError: not even the blocks of a product would fit there.
    """
    if free is None:
        return shape[0]
    if free < LEAST:
        raise UserError(
            f"{device} has {free / GIB:.2f} GiB of memory left, and products with a pool need {LEAST / GIB:.2f} even "
            "where it stays on the host. End what else runs there, set NOFREELUNCH_JOBS=1, or set "
            f"NOFREELUNCH_DEVICE=cpu. With {4 * shape[0] * shape[1] / SHARE / GIB:.1f} GiB free, all {shape[0]:,} rows "
            f"of {shape[1]:,} dimensions would lie there."
        )
    return min(shape[0], int(SHARE * free) // (4 * max(1, shape[1])))


def hold(features: FloatArray, device: "torch.device") -> Held:
    """``features`` ((n, d)) on ``device``: whole where that fits, else as `HeldRows`.

    Raises:
        UserError: not even the blocks of a product would fit there.
    """
    import torch

    shape = (len(features), features.shape[1])
    rows = fitting(shape, free_bytes(device), str(device))
    while True:
        try:
            there = torch.tensor(np.asarray(features[:rows]), device=device)
            return there if rows == len(features) else HeldRows(features, there)
        except torch.OutOfMemoryError:
            # Other workers took what was free a moment ago.
            rows = min(rows // 2, fitting(shape, free_bytes(device), str(device)))


class HeldRows:
    """A matrix of which the first rows lie on a device; the others are copied there for each product, block by block.

    Args:
        features: (n, d) float32 on the host.
        there: the first rows of it on the device.
    """

    def __init__(self, features: FloatArray, there: "torch.Tensor") -> None:
        self.features, self.there = features, there

    def __getitem__(self, index: Union[slice, "torch.Tensor"], /) -> "torch.Tensor":
        """Rows, all of them on the device."""
        import torch

        if isinstance(index, slice):
            index = slice(*index.indices(len(self.features)))
        wanted = np.arange(index.start, index.stop, index.step) if isinstance(index, slice) else index.cpu().numpy()
        here = wanted >= len(self.there)
        if not here.any():
            return self.there[index]
        rows = torch.empty((len(wanted), self.features.shape[1]), device=self.there.device)
        rows[self._up(np.flatnonzero(~here))] = self.there[self._up(wanted[~here])]
        rows[self._up(np.flatnonzero(here))] = self._fetch(wanted[here])
        return rows

    def __matmul__(self, other: "torch.Tensor", /) -> "torch.Tensor":
        """(n, …), the product with all rows."""
        import torch

        first = len(self.there)
        product = torch.empty((len(self.features), *other.shape[1:]), device=self.there.device)
        product[:first] = self.there @ other
        for block in blocks(len(self.features) - first, self.features.shape[1]):
            rows = slice(block.start + first, min(block.stop + first, len(self.features)))
            product[rows] = self._fetch(rows) @ other
        return product

    def _fetch(self, rows: slice | IntArray) -> "torch.Tensor":
        """Rows of the host, put into pinned memory while the device is at the product with those before."""
        import torch

        device, wanted = self.there.device, self.features[rows]
        staged = torch.empty(wanted.shape, pin_memory=device.type == "cuda")
        staged.numpy()[:] = wanted
        return staged.to(device, non_blocking=True)

    def _up(self, array: IntArray) -> "torch.Tensor":
        import torch

        return torch.tensor(array, device=self.there.device)
