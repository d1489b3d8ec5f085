"""Logistic regression on a device: `heads.logistic` for the heads of many runs at once, by the solver of `lockstep`."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nofreelunch.base.arrays import IntArray
from nofreelunch.heads import cross_validation as cv
from nofreelunch.heads import logistic
from nofreelunch.heads.head import Head, Training
from nofreelunch.heads.linear import LinearHead
from nofreelunch.heads.lockstep import Problems, solve
from nofreelunch.space.device import DeviceRows
from nofreelunch.space.rows import slices

# Heads are fitted together as long as their rows, and so many arrays of scores and of weights, take no more bytes. The
# number is no matter of what is free: last bits would be one.
TOGETHER_BYTES, TEMPORARIES = 2**30, 8


class Trainer:
    """As `logistic.Trainer`; rows and weights of its learners stay on the device.

    Attributes:
        alone: that trainer.
        rows: the pool, on the device.
        class_count, basis: as there.
    """

    def __init__(self, alone: logistic.Trainer, rows: DeviceRows) -> None:
        self.alone, self.rows = alone, rows
        self.class_count, self.basis = alone.class_count, alone.basis
        self._moved_basis: tuple[Tensor, Tensor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_moved_basis": None}

    def learner(self, rng: np.random.Generator, C: float | None = None) -> "Learner":
        """As `heads.logistic` says."""
        return Learner(self, int(rng.integers(2**63)), C or self.alone.C)

    def fit_many(
        self, learners: Sequence["Learner"], rows: Sequence[IntArray], labels: Sequence[IntArray]
    ) -> list[tuple[Head, float]]:
        """As `heads.head` says: all together, or as many as TOGETHER_BYTES allows."""
        fitted: list[tuple[Head, float]] = []
        for part in self._portions([len(own) for own in rows]):
            started = time.perf_counter()
            heads = self._fit(learners[part], rows[part], labels[part])
            seconds = (time.perf_counter() - started) / len(heads)
            fitted += [(head, seconds) for head in heads]
        return fitted

    def _portions(self, lengths: Sequence[int]) -> Iterator[slice]:
        longest, d = max(lengths), len(self.basis.mean) + 1
        each = 4 * (longest * d + TEMPORARIES * cv.FOLDS * self.class_count * (longest + d))
        return slices(len(lengths), max(1, TOGETHER_BYTES // each))

    def _fit(
        self, learners: Sequence["Learner"], rows: Sequence[IntArray], labels: Sequence[IntArray]
    ) -> list[LinearHead]:
        mean, axes = self.moved_basis()
        for learner, own in zip(learners, rows, strict=True):
            learner.see(own)
        z = pad_sequence([learner.rotated for learner in learners], batch_first=True)
        targets = pad_sequence([self.rows.up(answers) for answers in labels], batch_first=True)
        lengths = self.rows.up(np.array([len(own) for own in rows]))
        seen = torch.arange(z.shape[1], device=z.device) < lengths[:, None]
        problems = Problems.of(z, targets, seen[..., None], self.class_count, free=self.basis.intercept == "free")

        due = [i for i, learner in enumerate(learners) if learner.is_due(labels[i])]
        if due:
            draws = [learners[i].draws() for i in due]
            choices = choose(self.rows, problems[self.rows.up(np.array(due))], [labels[i] for i in due], draws)
            for i, choice in zip(due, choices, strict=True):
                learners[i].chosen(choice)

        C = self.rows.up(np.array([learner.choice.C for learner in learners]))
        fits = solve(problems, C, torch.stack([learner.weights for learner in learners])[:, :, None])
        weights = fits.weights[:, :, 0]
        coefficients = (axes @ weights[:, :-1]).mT
        intercepts = weights[:, -1] - coefficients @ mean
        made = self.rows.down(torch.cat([coefficients, intercepts[..., None]], dim=2))
        how = self.rows.down(torch.cat([fits.iterations.double(), fits.gradient_norm.double(), fits.converged], dim=1))
        heads = []
        for learner, own, answers, lines, facts in zip(learners, weights, labels, made, how, strict=True):
            learner.weights = own
            classes = np.unique(answers)
            iterations, norm, converged = facts.tolist()
            ended = bool(converged) and learner.choice.converged
            training = Training(learner.choice.C, int(iterations), norm, ended)
            heads.append(LinearHead(self.class_count, classes, lines[classes, :-1], lines[classes, -1], training))
        return heads

    def moved_basis(self) -> tuple[Tensor, Tensor]:
        """Mean and axes of the basis on the device."""
        if self._moved_basis is None:
            self._moved_basis = self.rows.up(self.basis.mean), self.rows.up(self.basis.axes)
        return self._moved_basis


class Learner:
    """As `logistic.Learner`.

    Attributes:
        rotated: (L, d + 1) rows seen so far, as `softmax.Basis.rotate` gives them.
        weights: (d + 1, C) of the last fit, 0 for classes without a label.
        choice: the C that is taken.
    """

    def __init__(self, trainer: Trainer, key: int, C: float | None) -> None:
        self._trainer, self._key, self._C = trainer, key, C
        width = len(trainer.basis.mean) + 1
        self.rotated: Tensor = trainer.rows.empty(0, width)
        self.weights: Tensor = trainer.rows.empty(width, trainer.class_count).zero_()
        self.choice = cv.Choice(cv.PRIOR if C is None else C, True)
        self._due: float = 0 if C is None else np.inf

    def fit(self, rows: IntArray, labels: IntArray) -> Head:
        """As `heads.head` says; on the CPU where the rows take more than TOGETHER_BYTES, as all of a pool may."""
        if 4 * len(rows) * self.rotated.shape[1] > TOGETHER_BYTES:
            return logistic.Learner(self._trainer.alone, self._key, self._C).fit(rows, labels)
        return self._trainer.fit_many([self], [rows], [labels])[0][0]

    def see(self, rows: IntArray) -> None:
        """Rotate the ``rows`` ((L,)) that are new."""
        mean, axes = self._trainer.moved_basis()
        new = (self._trainer.rows.take(rows[len(self.rotated) :]) - mean) @ axes
        ones = new.new_full((len(new), 1), self._trainer.basis.intercept != "none")
        self.rotated = torch.cat([self.rotated, torch.cat([new, ones], dim=1)])

    def is_due(self, labels: IntArray) -> bool:
        """Whether C is to be chosen for the rows seen and their ``labels``."""
        return len(labels) >= self._due and cv.feasible(labels)

    def draws(self) -> np.random.Generator:
        """What deals the rows seen to folds."""
        return np.random.default_rng([self._key, len(self.rotated)])

    def chosen(self, choice: cv.Choice) -> None:
        """Take what was chosen for the rows seen."""
        self.choice, self._due = choice, cv.GROWTH * len(self.rotated)


def choose(
    rows: DeviceRows, problems: Problems, labels: Sequence[IntArray], draws: Sequence[np.random.Generator]
) -> list[cv.Choice]:
    """`cross_validation.choose` for each run of ``problems``, which see all labelled rows.

    Folds are problems of a run, on its rows as they are: those of its row space would save nothing there.
    """
    folds = [cv.deal(own, rng) for own, rng in zip(labels, draws, strict=True)]
    parts = [cv.held_out(fold) for fold in folds]
    count, longest, _ = problems.seen.shape
    seen, held = np.zeros((2, count, longest, max(map(len, parts))), bool)
    for run, (fold, own) in enumerate(zip(folds, parts, strict=True)):
        for number, out in own:
            seen[run, : len(fold), number], held[run, out, number] = fold != number, True
    kinds = problems.known.shape[3]
    folded = Problems.of(problems.z, problems.targets, rows.up(seen), kinds, free=problems.free)
    held_out = rows.up(held)

    best, least, converged = np.full(count, cv.GRID[0]), np.full(count, np.inf), np.ones(count, bool)
    left, start = np.arange(count), None
    for C in cv.GRID:
        there = rows.up(left)
        part = folded[there]
        fits = solve(part, part.z.new_full((len(left),), C), start, cv.TOLERANCE)
        losses = rows.down(part.entropy(part.scores(fits.weights), held_out[there]).sum(dim=1))
        converged[left] &= rows.down(fits.converged.all(dim=1))
        better = losses < least[left]
        left = left[better]
        if not len(left):
            break
        best[left], least[left] = C, losses[better]
        start = float(cv.LONGER) * fits.weights[rows.up(better)]
    return [cv.Choice(float(C), bool(ended)) for C, ended in zip(best, converged, strict=True)]
