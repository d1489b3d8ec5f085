"""Where the products with a whole pool are computed: by NumPy on the CPU, or by torch on a GPU.

``$NOFREELUNCH_DEVICE`` is ``cpu``, the default, ``cuda``, ``cuda:1`` and so on, or ``torch``: torch's own CPU device,
slower than NumPy, which runs and tests the path of a GPU where there is none. A GPU is never taken unasked, as its
float32 sums end in other last bits: near ties fall the other way, and results are no longer the bytes of a machine
without it. What a run draws is drawn by NumPy wherever its products are computed.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nofreelunch.base.arrays import AnyArray, FloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.space.draws import Draw, draws_there
from nofreelunch.space.held_rows import Held, hold
from nofreelunch.space.rows import Rows, blocks, divisors, squared_norms

if TYPE_CHECKING:
    import torch

VARIABLE = "NOFREELUNCH_DEVICE"
# Of float32 sums, relative.
ROUNDING = 1e-4


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

    several = True

    def __init__(self, features: FloatArray, norms: FloatArray | None, name: str) -> None:
        super().__init__(features, norms)
        self.name, self.width = name, features.shape[1]
        self.device = _find(name)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("_x", "norms")}

    @cached_property
    def _x(self) -> Held:
        return hold(self.features, self.device)

    @cached_property
    def norms(self) -> "torch.Tensor":
        """As on the CPU."""
        return self.up(self.squared_norms)

    def portions(self, count: int) -> Iterator[slice]:
        """Such as keep the device busy."""
        return blocks(count, self.width)

    @property
    def xp(self) -> Any:
        """torch."""
        import torch

        return torch

    def up(self, array: "AnyArray | np.generic | int | torch.Tensor") -> "torch.Tensor":
        """A copy of ``array`` on the device, without waiting for what is computed there; itself where it is there."""
        import torch

        if isinstance(array, torch.Tensor):
            return array
        staged = torch.tensor(np.asarray(array), device="cpu", pin_memory=self.device.type == "cuda")
        return staged.to(self.device, non_blocking=True)

    def down(self, array: "AnyArray | torch.Tensor") -> AnyArray:
        """A copy of ``array`` in this machine's memory; itself where it is here."""
        here: AnyArray = array if isinstance(array, np.ndarray) else array.cpu().numpy()
        return here

    def fetched(self, places: "Sequence[torch.Tensor]") -> IntArray:
        """As on the CPU."""
        import torch

        return self.down(torch.stack(list(places))) if places else np.empty(0, np.int64)

    def empty(self, *shape: int) -> "torch.Tensor":
        """As on the CPU."""
        import torch

        return torch.empty(shape, device=self.device)

    def take(self, rows: IntArray) -> "torch.Tensor":
        """As on the CPU."""
        return self._x[self.up(rows)]

    def columns(self, columns: Any, rows: IntArray) -> "torch.Tensor":
        """As on the CPU."""
        return self.up(columns)[:, self.up(rows)]

    def unit_part(self, rows: IntArray) -> Rows:
        """As on the CPU and bit for bit the same, without a copy there and back."""
        return _Part(self.take(rows).div_(self.up(divisors(self.squared_norms[rows]))[:, None]), self.name)

    def gathered(self, values: "torch.Tensor", order: "torch.Tensor") -> "torch.Tensor":
        """As on the CPU."""
        return values.gather(-1, order.expand(*values.shape[:-1], order.shape[1]))

    def where(self, wanted: Callable[[], "torch.Tensor"]) -> slice:
        """All: a product is faster than gathering, and than waiting to know what to gather."""
        return slice(None)

    def draws(self, rngs: Sequence[np.random.Generator], counts: Sequence[int]) -> Draw:
        """As on the CPU; all is drawn before, so that nothing comes down between one draw and the next."""
        return draws_there(rngs, counts, self.up)

    def inner(self, one: "torch.Tensor", other: "torch.Tensor") -> "torch.Tensor":
        """As on the CPU; einsum would make a product of matrices of each."""
        return (one * other).sum(dim=-1)

    def each(self, matrices: "torch.Tensor", picks: "torch.Tensor") -> "torch.Tensor":
        """As on the CPU."""
        own = matrices.gather(1, picks[:, None, None].expand(-1, 1, matrices.shape[2]))
        return (matrices @ own.mT)[..., 0]

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

    def scores(self, weights: "FloatArray | torch.Tensor", out: "torch.Tensor") -> None:
        """As on the CPU."""
        out.copy_((self._x @ self.up(weights).T).T)

    def products(self, matrix: Any, rows: IntArray) -> "torch.Tensor":
        """As on the CPU."""
        return self._x[self.up(rows)] @ self.up(matrix)

    def dots(self, picks: "torch.Tensor | int", near: IntArray | slice) -> "torch.Tensor":
        """As on the CPU, always with all rows: they are there, and a product is faster than gathering."""
        products = (self._x @ self._x[self.up(picks).reshape(-1)].T).T.reshape(-1)
        return products[near] if isinstance(near, slice) else products[self.up(near)]

    def image_lengths(self, matrix: "torch.Tensor") -> "torch.Tensor":
        """As on the CPU."""
        total = self.empty(len(self.squared_norms))
        for block in blocks(len(total), 2 * max(matrix.shape)):
            total[block] = (self._x[block] @ matrix.T).square_().sum(dim=1)
        return total

    def quadratic(self, matrix: "torch.Tensor") -> "torch.Tensor":
        """As on the CPU, all of the matrix."""
        total = self.empty(len(self.squared_norms))
        for block in blocks(len(total), 2 * len(matrix)):
            features = self._x[block]
            total[block] = (features @ matrix).mul_(features).sum(dim=1)
        return total

    def farthest_first(self, bounds: "torch.Tensor", order: "torch.Tensor", size: int) -> "torch.Tensor":  # type: ignore[override]
        """As on the CPU, with the distances of all candidates to each pick; nothing comes down."""
        import torch

        if order.ndim == 1:
            return self.farthest_first(bounds[None], order[None], size)[0]
        picks = order.new_empty(len(order), size)
        for number in range(size):
            best = bounds.argmax(dim=1, keepdim=True)
            row = order.gather(1, best)[:, 0]
            picks[:, number] = row
            apart = (self._x @ self._x[row].T).mul_(-2).add_(self.norms[:, None]).add_(self.norms[row]).clamp_(min=0)
            bounds = torch.minimum(bounds, self.gathered(apart.T, order)).scatter_(1, best, -torch.inf)
        return picks

    def gram(self, weights: "FloatArray | torch.Tensor") -> "torch.Tensor":
        """As on the CPU."""
        import torch

        d = self.width
        total = torch.zeros((d, d), dtype=torch.float64, device=self.device)
        roots = self.up(weights).sqrt()
        for block in blocks(len(weights), d):
            scaled = self._x[block] * roots[block, None]
            total += scaled.T @ scaled
        return total

    def nearest(self, centres: "FloatArray | torch.Tensor", norms: FloatArray) -> "torch.Tensor":
        """As on the CPU."""
        products = (self._x @ self.up(centres).T).mul_(-2).add_(self.up(norms))
        return (products.amin(dim=1) + self.norms).clamp_(min=0)

    def assign(
        self, centres: "FloatArray | torch.Tensor", rows: IntArray | None = None
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """As on the CPU."""
        import torch

        moved = self.up(centres)
        half = moved.square().sum(dim=1) / 2
        wanted = None if rows is None else self.up(rows)
        count = len(self.squared_norms) if rows is None else len(rows)
        labels = torch.empty(count, dtype=torch.int64, device=self.device)
        scores = self.empty(2, count)
        for block in blocks(count, max(moved.shape)):
            features = self._x[block] if wanted is None else self._x[wanted[block]]
            products = (features @ moved.T).sub_(half)
            best = products.max(dim=1)
            labels[block], scores[0, block] = best.indices, best.values
            scores[1, block] = products.scatter_(1, best.indices[:, None], -torch.inf).amax(dim=1)
        first, second = self.down(scores)
        return self.down(labels), first, second

    def offset_lengths(self, centres: "torch.Tensor", labels: IntArray) -> FloatArray:
        """As on the CPU, where those that are the least of their centre but for rounding are computed: both rows of a
        cluster of two are as far from its mean."""
        made, own = self.empty(len(labels)), self.up(labels)
        for block in blocks(len(labels), 2 * centres.shape[1]):
            made[block] = (self._x[block] - centres[own[block]]).square_().sum(dim=1)
        lengths = self.down(made)
        least = np.full(len(centres), np.inf, np.float32)
        np.minimum.at(least, labels, lengths)
        near = lengths <= least[labels] * (1 + ROUNDING) + ROUNDING**2
        near &= np.bincount(labels[near], minlength=len(centres))[labels] > 1
        rows = np.flatnonzero(near)
        lengths[rows] = squared_norms(self.down(self.take(rows) - centres[self.up(labels[rows])]))
        return lengths

    def sums(self, rows: IntArray, labels: IntArray, count: int) -> "torch.Tensor":
        """As on the CPU, by a product with the labels' indicators: scattered sums would add in any order."""
        import torch

        numbers = torch.arange(count, device=self.device)
        total = torch.zeros((count, self.width), dtype=torch.float64, device=self.device)
        for block in blocks(len(rows), 2 * max(count, self.width)):
            features = self._x[self.up(rows[block])].double()
            total += (self.up(labels[block]) == numbers[:, None]).double() @ features
        return total

    def mean_neighbour_distance(self, rows: IntArray, neighbours: int, *, squared: bool = False) -> "torch.Tensor":
        """As on the CPU."""
        import torch

        members = self.up(rows)
        features, norms = self._x[members], self.norms[members]
        means = self.empty(len(rows))
        for block in blocks(len(rows), len(rows)):
            distances = norms[block, None] + norms - 2 * (features[block] @ features.T)
            distances.diagonal(block.start).fill_(torch.inf)
            nearest = distances.topk(neighbours, dim=1, largest=False).values.clamp_(min=0)
            means[block] = (nearest if squared else nearest.sqrt()).mean(dim=1)
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
        return squared.add_(self.norms[rows][:, None]).add_(self.norms[others]).clamp_(min=0)


class _Part(DeviceRows):
    """A matrix that is made on the device, of which the host has no copy but where one is asked for."""

    def __init__(self, features: "torch.Tensor", name: str) -> None:
        self.name, self.width, self.device = name, features.shape[1], features.device
        self._x = self._whole = features
        self.squared_norms = self.down(features.square().sum(dim=1))

    @cached_property
    def features(self) -> FloatArray:  # type: ignore[override]
        """(r, d) a copy here."""
        return self.down(self._whole)
