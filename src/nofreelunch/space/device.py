"""Where the products with a whole pool are computed: by NumPy on the CPU, or by torch on a GPU.

``$NOFREELUNCH_DEVICE`` is ``cpu``, the default, ``cuda``, ``cuda:1`` and so on, or ``torch``: torch's own CPU device,
slower than NumPy, which runs and tests the path of a GPU where there is none. A GPU is never taken unasked, as its
float32 sums end in other last bits: near ties fall the other way, and results are no longer the bytes of a machine
without it. What a run draws is drawn by NumPy wherever its products are computed.
"""

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, Float64Array, FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.space.held_rows import Held, hold
from nofreelunch.space.rows import Rows, blocks, squared_norms

if TYPE_CHECKING:
    import torch

VARIABLE = "NOFREELUNCH_DEVICE"


def configured() -> str:
    """The device that is asked for: ``cpu``, ``torch``, ``cuda`` or ``cuda:<number>``.

    Raises:
        UserError: it is none of these.
    """
    name = os.environ.get(VARIABLE) or "cpu"
    if not re.fullmatch(r"cpu|torch|cuda(:\d+)?", name):
        raise UserError(f"{VARIABLE} must be cpu, cuda, cuda:<number> or torch, not '{name}'.")
    return name


def kind() -> str:
    """``cpu``, ``torch`` or ``cuda``: whose last bits the results have."""
    return configured().partition(":")[0]


def mark() -> dict[str, str]:
    """What else than NumPy's environment changes the last bits of products: nothing on the CPU, else the device.

    Returns:
        device; with a GPU its model and the release of torch, too.
    """
    if kind() == "cpu":
        return {}
    import torch

    found = {"device": kind(), "torch": torch.__version__.partition("+")[0]}
    if kind() == "cuda" and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(torch.device(configured()))
    return found


def place(features: FloatArray, norms: FloatArray | None = None) -> Rows:
    """``features`` ((n, d), squared lengths ``norms``) where their products are to be computed.

    Raises:
        UserError: the device is unknown or missing.
    """
    name = configured()
    return Rows(features, norms) if name == "cpu" else DeviceRows(features, norms, name)


def _find(name: str) -> "torch.device":
    import torch

    device = torch.device("cpu" if name == "torch" else name)
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UserError(
            f"{VARIABLE} is '{name}', but torch {torch.__version__} sees {count} CUDA devices here. Set it to 'cpu', "
            f"or install a driver and a torch that see your GPU (https://pytorch.org/get-started)."
        )
    return device


class DeviceRows(Rows):
    """A matrix whose products torch computes. It is copied to the device once, by each process at its first product, as
    far as it fits there (`held_rows`); arguments and results, all far smaller, come and go with every call that does
    not say otherwise."""

    def __init__(self, features: FloatArray, norms: FloatArray | None, name: str) -> None:
        super().__init__(features, norms)
        self.name = name
        self.device = _find(name)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("_x", "_norms")}

    @cached_property
    def _x(self) -> Held:
        return hold(self.features, self.device)

    @cached_property
    def _norms(self) -> "torch.Tensor":
        return self.up(self.squared_norms)

    @property
    def xp(self) -> Any:
        """torch."""
        import torch

        return torch

    def up(self, array: "AnyArray | torch.Tensor") -> "torch.Tensor":
        """A copy of ``array`` on the device; itself where it is there."""
        import torch

        return array if isinstance(array, torch.Tensor) else torch.tensor(np.asarray(array), device=self.device)

    def down(self, array: "torch.Tensor") -> AnyArray:
        """A copy of ``array`` in this machine's memory."""
        here: AnyArray = array.cpu().numpy()
        return here

    def empty(self, *shape: int) -> "torch.Tensor":
        """As on the CPU."""
        import torch

        return torch.empty(shape, device=self.device)

    def take(self, rows: IntArray) -> "torch.Tensor":
        """As on the CPU."""
        return self._x[self.up(rows)]

    def where(self, wanted: "torch.Tensor") -> slice:
        """All: a product is faster than gathering, and than waiting to know what to gather."""
        return slice(None)

    def coins(self, shape: tuple[int, ...], chance: float, rng: np.random.Generator) -> "torch.Tensor":
        """As on the CPU, thrown on the device; ``rng`` draws the seed."""
        import torch

        own = torch.Generator(self.device).manual_seed(int(rng.integers(2**63)))
        return torch.rand(shape, generator=own, device=self.device) < chance

    def thin_product(self, features: "torch.Tensor", matrix: "torch.Tensor") -> FloatArray:
        """As on the CPU."""
        return self.down(features @ matrix)

    def half_solved(self, square: "torch.Tensor", matrix: "torch.Tensor") -> "torch.Tensor":
        """As on the CPU."""
        import torch

        solved: torch.Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(square), matrix, upper=False)
        return solved

    def scores(self, weights: FloatArray, out: "torch.Tensor") -> None:
        """As on the CPU."""
        out.copy_((self._x @ self.up(weights).T).T)

    def products(self, matrix: Any, rows: IntArray) -> "torch.Tensor":
        """As on the CPU."""
        return self._x[self.up(rows)] @ self.up(matrix)

    def dot(self, vector: FloatArray, rows: IntArray | slice) -> "torch.Tensor":
        """As on the CPU, always with all rows: they are there, and a product is faster than gathering."""
        products = self._x @ self.up(vector)
        return products[rows] if isinstance(rows, slice) else products[self.up(rows)]

    def image_lengths(self, matrix: "torch.Tensor") -> FloatArray:
        """As on the CPU."""
        total = self.empty(len(self.features))
        for block in blocks(len(total), 2 * max(matrix.shape)):
            total[block] = (self._x[block] @ matrix.T).square_().sum(dim=1)
        return self.down(total)

    def quadratic(self, matrix: "torch.Tensor") -> FloatArray:
        """As on the CPU, all of the matrix."""
        total = self.empty(len(self.features))
        for block in blocks(len(total), 2 * len(matrix)):
            features = self._x[block]
            total[block] = (features @ matrix).mul_(features).sum(dim=1)
        return self.down(total)

    def farthest_first(self, distances: FloatArray, candidates: IntArray, size: int) -> IntArray:
        """`geometry.farthest_first` with the distances of all candidates to each pick; nothing comes down until the
        end."""
        import torch

        order = self.up(candidates)
        left, picks = self.up(distances)[order], torch.empty_like(order[:size])
        for number in range(size):
            best = left.argmax()[None]
            row = order[best]
            picks[number : number + 1] = row
            products = (self._x @ self._x[row].T)[:, 0]
            apart = products.mul_(-2).add_(self._norms).add_(self._norms[row]).clamp_(min=0)
            left = torch.minimum(left, apart[order]).index_fill_(0, best, -torch.inf)
        return self.down(picks)

    def gram(self, weights: FloatArray) -> "torch.Tensor":
        """As on the CPU."""
        import torch

        d = self.features.shape[1]
        total = torch.zeros((d, d), dtype=torch.float64, device=self.device)
        roots = self.up(np.sqrt(weights))
        for block in blocks(len(weights), d):
            scaled = self._x[block] * roots[block, None]
            total += scaled.T @ scaled
        return total

    def nearest(self, centres: FloatArray, norms: FloatArray) -> FloatArray:
        """As on the CPU."""
        products = (self._x @ self.up(centres).T).mul_(-2).add_(self.up(norms))
        return self.down((products.amin(dim=1) + self._norms).clamp_(min=0))

    def assign(self, centres: FloatArray, rows: IntArray | None = None) -> tuple[IntArray, FloatArray, FloatArray]:
        """As on the CPU."""
        import torch

        moved, half = self.up(centres), self.up(squared_norms(centres) / 2)
        wanted = None if rows is None else self.up(rows)
        count = len(self.features) if rows is None else len(rows)
        labels = np.empty(count, np.int64)
        scores, seconds = np.empty((2, count), np.float32)
        for block in blocks(count, max(centres.shape)):
            features = self._x[block] if wanted is None else self._x[wanted[block]]
            products = (features @ moved.T).sub_(half)
            best = products.max(dim=1)
            labels[block], scores[block] = self.down(best.indices), self.down(best.values)
            seconds[block] = self.down(products.scatter_(1, best.indices[:, None], -torch.inf).amax(dim=1))
        return labels, scores, seconds

    def sums(self, rows: IntArray, labels: IntArray, count: int) -> Float64Array:
        """As on the CPU, by a product with the labels' indicators: scattered sums would add in any order."""
        import torch

        numbers = torch.arange(count, device=self.device)
        total = torch.zeros((count, self.features.shape[1]), dtype=torch.float64, device=self.device)
        for block in blocks(len(rows), 2 * max(count, self.features.shape[1])):
            features = self._x[self.up(rows[block])].double()
            total += (self.up(labels[block]) == numbers[:, None]).double() @ features
        return self.down(total)

    def mean_neighbour_distance(self, rows: IntArray, neighbours: int, *, squared: bool = False) -> FloatArray:
        """As on the CPU."""
        import torch

        members = self.up(rows)
        features, norms = self._x[members], self._norms[members]
        means = np.empty(len(rows), np.float32)
        for block in blocks(len(rows), len(rows)):
            distances = norms[block, None] + norms - 2 * (features[block] @ features.T)
            distances.diagonal(block.start).fill_(torch.inf)
            nearest = distances.topk(neighbours, dim=1, largest=False).values.clamp_(min=0)
            means[block] = self.down((nearest if squared else nearest.sqrt()).mean(dim=1))
        return means

    def sampled_distance(self, rows: slice, step: int, k: int) -> FloatArray:
        """As on the CPU."""
        squared = self._distances_there(rows, slice(None, None, step))
        own = self.up(np.arange(-(-rows.start // step) * step, rows.stop, step))
        squared[own - rows.start, own // step] = float("inf")
        return self.down(squared.kthvalue(k + 1, dim=1).values)

    def pairs(self, first: slice, second: slice, limits: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """As on the CPU."""
        import torch

        squared = self._distances_there(first, second)
        if first == second:
            squared.fill_diagonal_(torch.inf)
        one, other = (squared < torch.maximum(self.up(limits[first, None]), self.up(limits[second]))).nonzero(
            as_tuple=True
        )
        return self.down(one) + first.start, self.down(other) + second.start, self.down(squared[one, other])

    def within(self, rows: IntArray, limits: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """As on the CPU."""
        import torch

        own = self.up(rows)
        squared = self._distances_there(own, slice(None))
        squared[torch.arange(len(rows), device=self.device), own] = torch.inf
        source, other = (squared < self.up(limits)[:, None]).nonzero(as_tuple=True)
        return self.down(source), self.down(other), self.down(squared[source, other])

    def _distances_there(self, rows: "torch.Tensor | slice", others: "torch.Tensor | slice") -> "torch.Tensor":
        moved = self._x[rows].T
        # The other way round, as a matrix that is held in part has products with all of its rows on the left alone.
        squared = (self._x @ moved if others == slice(None) else self._x[others] @ moved).T.mul_(-2)
        return squared.add_(self._norms[rows][:, None]).add_(self._norms[others]).clamp_(min=0)
