"""The C of logistic regression by cross-validation on the labelled rows alone.

Rows are dealt to FOLDS folds, class by class, and each is held out from a fit on the others. The C with the least mean
negative log-likelihood is sought upwards along GRID, each fit starting from the weights at the C before: strong
penalties are quick to fit, and the search ends where the next C is worse. Rotations leave the penalty as it is, so that
fewer rows than features are first put into coordinates of the space they span.
"""

from dataclasses import dataclass, replace

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.heads.softmax import Fit, fit

GRID = (0.1, 1.0, 10.0, 100.0, 1000.0)
FOLDS = 5
# Folds are left out once so many rows have been held out: the mean over them is sure enough.
HELD_OUT = 250
# What is taken where there are fewer labels than so many for each class seen, and before the first choice.
PRIOR, PER_CLASS = 100.0, 3.0
# By how much the labels must have grown for C to be chosen anew.
GROWTH = 1.5
# In logits: looser than for a head, as no more is asked than which of two likelihoods is the greater.
TOLERANCE = 3e-2
# Weights are longer at ten times the C: starting from longer ones saves a quarter of the steps.
LONGER = np.float32(1.5)


@dataclass(frozen=True)
class Choice:
    """A chosen C, and whether all fits on the way to it converged."""

    C: float
    converged: bool


def feasible(labels: IntArray) -> bool:
    """Whether ``labels`` ((n,)) suffice: PER_CLASS for each class seen, and two classes that can be held out."""
    counts = np.unique(labels, return_counts=True)[1]
    return len(labels) >= PER_CLASS * len(counts) and int((counts > 1).sum()) > 1


def choose(z: FloatArray, labels: IntArray, rng: np.random.Generator, *, free: bool) -> Choice:
    """The first C of GRID than which the next one is worse.

    Args:
        z: (n, d + 1) float32, as for `softmax.fit`.
        labels: (n,) int64, `feasible`.
        rng: deals rows to folds.
        free: as for `softmax.fit`.
    """
    fold = deal(labels, rng)
    reduced = in_row_space(z)
    parts = [
        (reduced[fold != number], labels[fold != number], reduced[held], labels[held])
        for number, held in held_out(fold)
    ]
    starts: list[Fit | None] = [None] * len(parts)
    best, least, converged = GRID[0], np.inf, True
    for C in GRID:
        loss = 0.0
        for number, (train, answers, held, truth) in enumerate(parts):
            fitted = fit(train, answers, C, starts[number], TOLERANCE, free=free)
            starts[number] = replace(fitted, weights=LONGER * fitted.weights)
            converged = converged and fitted.converged
            loss += held_out_loss(fitted, held, truth)
        if loss >= least:
            break
        best, least = C, loss
    return Choice(best, converged)


def deal(labels: IntArray, rng: np.random.Generator) -> IntArray:
    """(n,) the fold of each row: each class spread evenly, and the folds of one size; −1 for a row that is alone in its
    class, which is never held out, as nothing could be learned of it."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.unique(labels, return_inverse=True, return_counts=True)
    held = order[counts[2][counts[1]][order] > 1]
    fold = np.full(len(labels), -1)
    fold[held] = np.arange(len(held)) % FOLDS
    return fold


def held_out(fold: IntArray) -> list[tuple[int, IntArray]]:
    """The folds that are looked at, and their rows: so many that HELD_OUT rows are held out, or all."""
    chosen: list[tuple[int, IntArray]] = []
    total = 0
    for number in range(FOLDS):
        rows = np.flatnonzero(fold == number)
        if len(rows) and total < HELD_OUT:
            chosen.append((number, rows))
            total += len(rows)
    return chosen


def in_row_space(z: FloatArray) -> FloatArray:
    """(n, r + 1) float32: ``z`` ((n, d + 1), the last column for the intercept) in coordinates of its rows' principal
    axes, where there are fewer rows than features; fits and their predictions are the same."""
    if len(z) >= z.shape[1] - 1:
        return z
    rows = z[:, :-1].astype(np.float64)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > 1e-10 * max(values[-1], 1e-30)
    return np.column_stack([vectors[:, kept] * np.sqrt(values[kept]), z[:, -1]]).astype(np.float32)


def held_out_loss(fitted: Fit, z: FloatArray, labels: IntArray) -> float:
    """Summed negative log-likelihood of ``labels`` ((m,), classes of the fit) of rows ``z`` ((m, r + 1))."""
    scores = (z @ fitted.weights).astype(np.float64)
    own = scores[np.arange(len(labels)), np.searchsorted(fitted.classes, labels)]
    largest = scores.max(axis=1)
    return float((largest + np.log(np.exp(scores - largest[:, None]).sum(axis=1)) - own).sum())
