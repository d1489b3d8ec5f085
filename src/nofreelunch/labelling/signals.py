"""What can be known of a file after each of its batches: heads of earlier batches, fitted again, and that of now."""

from functools import cache

import numpy as np

from nofreelunch.base.arrays import BoolArray, IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.evaluation.audit import Estimate, accuracy
from nofreelunch.heads.cross_validation import FOLDS
from nofreelunch.labelling.forecast import POINTS, ROWS, Forecast, extrapolate, points
from nofreelunch.labelling.state import OPEN, LabelState
from nofreelunch.labelling.stopping import QUIET, WINDOW, Signals, kappa, uncertainties

# Texts on which heads are compared, drawn at random.
COMPARED = 20_000


def signals(state: LabelState, more: int = 100) -> Signals:
    """All of `Signals` that ``state`` allows: with one batch there is nothing to compare with.

    Args:
        state: what is known.
        more: labels that the forecast looks ahead.
    """
    ends = batch_ends(state)
    texts = generator("label", state.seed, "compared").permutation(len(state.features))[:COMPARED]
    is_open = state.labels[texts] == OPEN

    @cache
    def named(end: int) -> IntArray:
        head = state.model if end == len(state.labelled) else state.fitted(state.labelled[:end])
        return np.asarray(head.probabilities(state.features[texts]).argmax(axis=1))

    def pairs(count: int) -> list[tuple[IntArray, IntArray]]:
        return [(named(int(ends[-i - 1])), named(int(ends[-i]))) for i in range(1, count + 1)]

    unsure = None
    if len(ends) and is_open.any():
        unsure = uncertainties(state.model.probabilities(state.features[texts[is_open]]))
    agreement = changed = None
    if len(ends) > WINDOW:
        agreement = float(np.mean([kappa(before, after, state.classes) for before, after in pairs(WINDOW)]))
    if len(ends) > QUIET and is_open.any():
        changed = max(float((before != after)[is_open].mean()) for before, after in pairs(QUIET))
    churn = None
    if len(ends) > 1:
        before = ends[:-1][np.argmin(np.abs(ends[-1] - more - ends[:-1]))]
        churn = float((named(int(before)) != named(int(ends[-1]))).mean())
    return Signals(
        len(state.labelled),
        audit_accuracy(state),
        None if churn is None else forecast(state, churn, more),
        None if unsure is None else float(unsure.mean()),
        None if unsure is None else float(unsure.max()),
        agreement,
        changed,
    )


def audit_accuracy(state: LabelState) -> Estimate | None:
    """The model's accuracy on the file, by the audit's sample alone; None without one."""
    if not len(state.audited):
        return None
    right = int((state.held_out.argmax(axis=1) == state.labels[state.audited]).sum())
    return accuracy(right, len(state.audited), state.population)


def forecast(state: LabelState, churn: float, more: int = 100) -> Forecast | None:
    """What ``more`` labels would bring; None for fewer than POINTS batches or ROWS audited texts.

    Args:
        state: what is known.
        churn: as for `extrapolate`.
        more: labels to look ahead.
    """
    ends = batch_ends(state)
    if len(ends) < POINTS or len(state.audited) < ROWS:
        return None
    ends = ends[points(len(ends))]
    right = np.stack([held_out_right(state, int(end)) for end in ends])
    return extrapolate(ends, right, churn, more, generator("label", state.seed, "forecast"))


def held_out_right(state: LabelState, end: int) -> BoolArray:
    """(m,) which of all audited texts are right by heads on the first ``end`` labels, fitted without the text.

    An audited text's fold is its rank in the audit's order, so that it stays in it as labels come in.
    """
    rows, audited = state.labelled[:end], state.audited
    chosen = rows[~np.isin(rows, audited)]
    C = state.fitted(chosen).training.C if len(chosen) else None
    found = np.zeros(len(audited), bool)
    fold = np.arange(len(audited)) % FOLDS
    for number in range(FOLDS):
        own = audited[(fold != number) & np.isin(audited, rows)]
        known, held = np.concatenate([chosen, own]), audited[fold == number]
        if len(known) and len(held):
            head = state.fitted(known, None if C is None or np.isnan(C) else C)
            found[fold == number] = head.probabilities(state.features[held]).argmax(axis=1) == state.labels[held]
    return found


def batch_ends(state: LabelState) -> IntArray:
    """(k,) labels after each batch."""
    counts = np.unique(state.batch[state.labelled], return_counts=True)[1]
    return np.cumsum(counts)
