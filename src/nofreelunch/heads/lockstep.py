"""`softmax.fit` for the heads of many runs at once, by torch: the same objectives and steps, as products of one batch.

Runs and, where C is chosen, folds of a run are problems side by side. Those of a run share its labelled rows, of which
each problem sees some; shorter runs are padded with rows of zeros that no problem sees, and every problem has a column
for each class, where those that it has not seen stay 0. A problem that has ended takes steps of 0 until all have. The
product of a batch may round otherwise than that of a single problem: the last bits of a fit depend on its company.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from nofreelunch.heads import softmax


@dataclass(frozen=True)
class Problems:
    """F problems for each of R runs with at most N labelled rows.

    Attributes:
        z: (R, N, D) float32 rows as `softmax.Basis.rotate` gives them, the last column for the intercept.
        targets: (R, N) int64, each row's column among the K.
        seen: (R, N, F) bool, which rows a problem is fitted on.
        known: (R, 1, F, K) bool, the classes of those rows.
        free: whether intercepts cost nothing.
    """

    z: Tensor
    targets: Tensor
    seen: Tensor
    known: Tensor
    free: bool

    @classmethod
    def of(cls, z: Tensor, targets: Tensor, seen: Tensor, width: int, *, free: bool) -> "Problems":
        """With ``width`` columns, one for each class."""
        own = torch.nn.functional.one_hot(targets, width).float()
        return cls(z, targets, seen, (seen.mT.float() @ own > 0)[:, None], free)

    def __getitem__(self, runs: Tensor) -> "Problems":
        """The problems of some runs."""
        return Problems(self.z[runs], self.targets[runs], self.seen[runs], self.known[runs], self.free)

    @property
    def rows(self) -> Tensor:
        """(R, F) float32, how many each problem sees, at least 1."""
        return self.seen.sum(dim=1).clamp(min=1).float()

    def penalty(self, C: Tensor) -> Tensor:
        """(R, D, F, 1) float32 of each weight, as in `softmax.fit`, for ``C`` ((R,))."""
        strength = C.float()[:, None, None, None]
        binary = self.known.sum(dim=3, keepdim=True) == 2
        penalty = 1 / (_wide(self.rows) * torch.where(binary, strength / 2, strength))
        penalty = penalty.repeat(1, self.z.shape[2], 1, 1)
        penalty[:, -1:] *= 0 if self.free else strength / softmax.INTERCEPT_VARIANCE
        return penalty

    def scores(self, weights: Tensor) -> Tensor:
        """(R, N, F, K) products with ``weights`` ((R, D, F, K)), less that of each row's own class."""
        scores = (self.z @ weights.flatten(2)).reshape(*self.z.shape[:2], *weights.shape[2:])
        return scores - scores.gather(3, self._own(scores))

    def back(self, values: Tensor, *, squared: bool = False) -> Tensor:
        """(R, D, F, K) zᵀ times ``values`` ((R, N, F, K)), or that of the squares of z."""
        z = self.z * self.z if squared else self.z
        return (z.mT @ values.flatten(2)).reshape(len(z), z.shape[2], *values.shape[2:])

    def residual(self, scores: Tensor) -> Tensor:
        """(R, N, F, K) p, less 1 for the own class; 0 for rows that a problem does not see and for unknown classes."""
        scores = scores.masked_fill(~self.known, -torch.inf)
        shift = scores.amax(dim=3, keepdim=True).clamp(min=0)
        others = torch.exp(scores - shift).scatter_(3, self._own(scores), 0)
        sums = others.sum(dim=3, keepdim=True)
        total = sums + torch.exp(-shift)
        others /= total
        others.scatter_(3, self._own(scores), -sums / total)
        return others.mul_(self.seen[..., None])

    def entropy(self, scores: Tensor, seen: Tensor) -> Tensor:
        """(R, F) summed −log p of the own class of the rows that are ``seen`` ((R, N, F))."""
        sums = scores.masked_fill(~self.known, -torch.inf).logsumexp(dim=3)
        return torch.where(seen, sums, 0).sum(dim=1, dtype=torch.float64)

    def _own(self, scores: Tensor) -> Tensor:
        return self.targets[:, :, None, None].expand(*scores.shape[:3], 1)


@dataclass(frozen=True)
class Fits:
    """What became of problems; see `softmax.Fit`.

    Attributes:
        weights: (R, D, F, K) float32; 0 for classes that a problem has not seen.
        iterations: (R, F) int64.
        gradient_norm: (R, F) float32.
        converged: (R, F) bool.
    """

    weights: Tensor
    iterations: Tensor
    gradient_norm: Tensor
    converged: Tensor


def solve(problems: Problems, C: Tensor, start: Tensor | None = None, tol: float = 1e-4) -> Fits:
    """As `softmax.fit`, for ``C`` ((R,)), from the weights ``start`` ((R, D, F, K)) where they are better than none."""
    count, penalty, classes = problems.rows, problems.penalty(C), problems.known.sum(dim=(1, 3))
    weights = penalty.new_zeros(*penalty.shape[:3], problems.known.shape[3])
    if start is not None:
        weights = torch.where(problems.known, start, 0)
        loss = problems.entropy(problems.scores(weights), problems.seen) / count + _dot(penalty * weights, weights) / 2
        weights = torch.where(_wide(loss <= classes.log()), weights, 0)
    scores = problems.scores(weights)
    residual = problems.residual(scores)

    def gradient_there() -> Tensor:
        return problems.back(residual) / _wide(count) + penalty * weights

    gradient = gradient_there()
    direction = difference = torch.zeros_like(gradient)
    active = classes > 1
    calm, iterations = torch.zeros_like(active, dtype=torch.int64), torch.zeros_like(active, dtype=torch.int64)
    for iteration in range(1, softmax.MAX_ITERATIONS + 1):
        if not active.any():
            break
        if iteration in softmax.REFRESH_AT or iteration % softmax.REFRESH_EVERY == 0:
            hessian = _Hessian(problems, residual, penalty, count)
        descent = hessian.solve(gradient)
        along = _dot(direction, difference)
        beta = torch.where(along > 0, (_dot(descent, difference) / along).clamp(min=0), 0)
        direction = _wide(beta) * direction - descent
        slope = _dot(gradient, direction)
        direction = torch.where(_wide(slope >= 0), -descent, direction)
        slope = torch.where(slope >= 0, -_dot(gradient, descent), slope)
        moves = problems.scores(direction)
        quadratic = _dot(penalty * direction, direction)
        step, scores, residual = _line_search(problems, scores, residual, moves, slope, quadratic, active, count)
        weights += _wide(step) * direction
        farthest = torch.where(problems.known & problems.seen[..., None], moves.abs(), 0).amax(dim=(1, 3))
        calm = torch.where(step * farthest <= tol, calm + 1, 0)
        iterations += active
        active = active & (calm < 2)
        before, gradient = gradient, gradient_there()
        difference = gradient - before
    return Fits(weights, iterations, _dot(gradient, gradient).sqrt().float(), ~active)


class _Hessian:
    """As in `softmax`."""

    def __init__(self, problems: Problems, residual: Tensor, penalty: Tensor, count: Tensor) -> None:
        uncertain = residual.abs()
        uncertain = uncertain - uncertain * uncertain
        total = uncertain.sum(dim=1, keepdim=True) + 1e-30
        mean = problems.back(uncertain) / total
        squares = mean * mean
        variance = problems.back(uncertain, squared=True) / total - squares
        variance = torch.maximum(variance, 1e-3 * squares + 1e-6)
        weight = total / _wide(count)
        self.inverse = 1 / (weight * variance + penalty + 1e-12)
        self.scaled_mean = self.inverse * mean
        self.denominator = 1 / weight + (mean * self.scaled_mean).sum(dim=1, keepdim=True)

    def solve(self, vector: Tensor) -> Tensor:
        share = (self.scaled_mean * vector).sum(dim=1, keepdim=True) / self.denominator
        return vector * self.inverse - self.scaled_mean * share


def _line_search(
    problems: Problems,
    scores: Tensor,
    residual: Tensor,
    moves: Tensor,
    slope: Tensor,
    quadratic: Tensor,
    active: Tensor,
    count: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """As in `softmax`, along a line of each problem that is ``active`` ((R, F)); 0 for the others."""
    start = slope - _dot(residual, moves) / count
    t, low, high = torch.zeros_like(slope), torch.zeros_like(slope), torch.full_like(slope, torch.inf)
    here, searching, there = slope, active, scores
    for _ in range(softmax.MAX_TRIALS):
        weighted = residual * moves
        expected = weighted.sum(dim=3)
        variances = (weighted * moves).sum(dim=3) - expected * expected
        bend = variances.sum(dim=1, dtype=torch.float64) / count + quadratic
        low, high = torch.where(here < 0, t, low), torch.where(here < 0, high, t)
        trial = torch.minimum(t - here / bend.clamp(min=1e-30), 10 * t.clamp(min=1))
        middle = torch.where(low > 0, (low + high) / 2, high / 10)
        trial = torch.where((low < trial) & (trial < high), trial, middle)
        t = torch.where(searching, trial, t)
        there = scores + _wide(t) * moves
        residual = problems.residual(there)
        here = _dot(residual, moves) / count + start + t * quadratic
        searching = searching & (here.abs() > -softmax.SLOPE_LEFT * slope)
        if not searching.any():
            break
    return t, there, residual


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """(R, F) float64 Σ one · other, of each problem."""
    return (one * other).sum(dim=(1, 3), dtype=torch.float64)


def _wide(values: Tensor) -> Tensor:
    """(R, 1, F, 1) float32 ``values`` of each problem ((R, F)); a mask stays one."""
    wide = values[:, None, :, None]
    return wide if wide.dtype == torch.bool else wide.float()
