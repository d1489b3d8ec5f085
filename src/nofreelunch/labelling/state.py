"""What is known of a file's distinct texts, as arrays: their features, their answers, and which of them are the audit.

Each text has a place in a fixed random order, a hash of the seed and of the text itself. Those with the first places
are the audit's reserve, which no query strategy may touch; they are asked in that order. Those answered up to the first
that is not are a simple random sample of the texts, whoever labelled what else, and need no state beside the file.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nofreelunch.base.arrays import BoolArray, Float64Array, FloatArray, IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.heads import trainer
from nofreelunch.heads.cross_validation import FOLDS
from nofreelunch.heads.head import Head, Trainer
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.space.device import place

OPEN, SKIPPED = -1, -2


@dataclass(frozen=True)
class LabelState:
    """The texts of a file; near-duplicates count once.

    Attributes:
        features: (n, d) float32, scaled as the head sees them.
        labels: (n,) int64 classes; OPEN where nobody answered, SKIPPED where a person would not.
        classes: C, those that are named or seen.
        order: (n,) float64 in [0, 1), see `places`.
        share: texts whose place is smaller are the audit's reserve; 0 for no audit.
        batch: (n,) int64 in which batch a text was labelled, as far as it is known; −1 for an open one.
        head: what is fitted.
        seed: of all that is drawn.
    """

    features: FloatArray
    labels: IntArray
    classes: int
    order: Float64Array
    share: float
    batch: IntArray
    head: HeadSpec
    seed: int = 0

    @cached_property
    def reserve(self) -> BoolArray:
        """(n,) texts that only the audit may ask."""
        return self.order < self.share

    @cached_property
    def audited(self) -> IntArray:
        """(m,) the audit's sample: the reserve in its order up to the first open text, without those skipped."""
        rows = self._reserve_in_order
        answered = rows[: _first(self.labels[rows] == OPEN)]
        return answered[self.labels[answered] >= 0]

    @cached_property
    def labelled(self) -> IntArray:
        """(L,) all texts with a class, those of the audit too, by batch and row: what the model learns from."""
        rows = np.flatnonzero(self.labels >= 0)
        return rows[np.argsort(self.batch[rows], kind="stable")]

    @cached_property
    def chosen(self) -> IntArray:
        """(K,) the `labelled` that are not `audited`."""
        return self.labelled[~np.isin(self.labelled, self.audited)]

    @cached_property
    def known(self) -> IntArray:
        """The `labelled` outside the reserve: all that may decide what is asked next."""
        return self.labelled[~self.reserve[self.labelled]]

    @property
    def population(self) -> int:
        """How many texts the accuracy is about: all that were not skipped."""
        return int((self.labels != SKIPPED).sum())

    def next_audit(self, count: int) -> IntArray:
        """(at most ``count``,) the open texts of the reserve that are asked next."""
        rows = self._reserve_in_order
        asked: IntArray = rows[self.labels[rows] == OPEN][:count]
        return asked

    def fitted(self, rows: IntArray, C: float | None = None) -> Head:
        """The head on the labelled ``rows`` ((L,), at least one), with ``C`` where it would choose one."""
        learner = self._trainer.learner(generator("label", self.seed, "head"), C)
        return learner.fit(rows, self.labels[rows])

    @cached_property
    def model(self) -> Head:
        """The head on all labelled texts, of which there is at least one."""
        return self.fitted(self.labelled)

    @property
    def penalty(self) -> float | None:
        """The C of the `model`; None for a head without one."""
        C = self.model.training.C
        return None if np.isnan(C) else C

    @cached_property
    def held_out(self) -> FloatArray:
        """(m, C) probabilities of the `audited`, each by a head that was fitted without it: on the `chosen` and on the
        audited of other folds. Where nothing else is labelled every class is as likely.

        An audited text's fold is its rank modulo FOLDS, so that it keeps its fold as labels come in; one strength of
        the penalty, that of the `model`, is taken for all heads.
        """
        fold = np.arange(len(self.audited)) % FOLDS
        found = np.full((len(self.audited), self.classes), 1 / max(1, self.classes), np.float32)
        for number in range(FOLDS):
            held = np.flatnonzero(fold == number)
            rest = np.concatenate([self.chosen, self.audited[fold != number]])
            if len(held) and len(rest):
                head = self.fitted(rest, self.penalty)
                found[held] = head.probabilities(self.features[self.audited[held]])
        return found

    @cached_property
    def _reserve_in_order(self) -> IntArray:
        rows = np.flatnonzero(self.reserve)
        return rows[np.argsort(self.order[rows], kind="stable")]

    @cached_property
    def _trainer(self) -> Trainer:
        return trainer(self.head, place(self.features), self.classes)


def places(texts: Sequence[str], seed: int) -> Float64Array:
    """(n,) float64 in [0, 1): each text's place in the audit's order, the same in any file."""
    start = hashlib.blake2b(f"audit {seed}\x1f".encode(), digest_size=8)
    words = np.empty(len(texts), np.uint64)
    for i, text in enumerate(texts):
        total = start.copy()
        total.update(text.encode("utf-8", "surrogatepass"))
        words[i] = int.from_bytes(total.digest(), "little")
    return np.asarray((words >> np.uint64(11)) * 2.0**-53, np.float64)


def _first(found: BoolArray) -> int:
    """The first place where ``found`` is true; its length where there is none."""
    return int(found.argmax()) if found.any() else len(found)
