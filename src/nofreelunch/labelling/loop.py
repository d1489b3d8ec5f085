"""The labelling loop: texts and what is labelled of them; from that the next batch, the model, and how good it is.

In a notebook:

    loop = LabelLoop(texts, labels)                      # "" or None where nothing is labelled yet
    for item in loop.batch:
        print(item.text, item.proposed, item.why)
    loop = loop.answered({item.row: "spam" for item in loop.batch})
    print(loop.assessment.overall, loop.predictions)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nofreelunch import params as parameters
from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.provenance import code_digest
from nofreelunch.base.storage import Memo, digest
from nofreelunch.embedders.embed import embed_texts
from nofreelunch.heads.cross_validation import FOLDS
from nofreelunch.heads.scaling import scale
from nofreelunch.labelling.accuracy import Assessment, assess
from nofreelunch.labelling.advice import Advice, advise
from nofreelunch.labelling.answers import Answers, of_groups, read_answers
from nofreelunch.labelling.batch import Batch, next_batch
from nofreelunch.labelling.history import History, batches_of
from nofreelunch.labelling.signals import signals
from nofreelunch.labelling.state import OPEN, SKIPPED, LabelState, places
from nofreelunch.labelling.stopping import Signals
from nofreelunch.labelling.twins import twins
from nofreelunch.params import Params
from nofreelunch.tasks.assemble import is_missing

# An own label is suspected where the model, fitted without it, gives another one so much more.
SUSPICIOUS, FEWEST_FOR_MISTAKES = 0.7, 50


@dataclass(frozen=True)
class Options:
    """How to go about it.

    Attributes:
        batch: texts to hand out at a time.
        audit: how many of them are drawn at random to measure the accuracy; None for a fifth and at least 5 (half of a
            small batch), 0 for none.
        classes: names that are known to exist.
        embedder: an entry of params.yaml; None for that of focus.
        start, strategy: names; None for what the benchmark recommends.
        skip_mark: what stands in the place of a label where a person would not answer.
        aim: the class to find more of.
        accept_new: take names that differ from known ones in case or blanks alone as new classes.
        keep_twins: ask near-duplicates, too.
        seed: of all that is drawn.
    """

    batch: int = 50
    audit: int | None = None
    classes: tuple[str, ...] = ()
    embedder: str | None = None
    start: str | None = None
    strategy: str | None = None
    skip_mark: str = "?"
    aim: str | None = None
    accept_new: bool = False
    keep_twins: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            UserError: a number is out of range.
        """
        if self.batch < 1:
            raise UserError(f"a batch holds at least 1 text, not {self.batch}.")
        if self.audit is not None and not 0 <= self.audit <= self.batch:
            raise UserError(f"of a batch of {self.batch}, 0 to {self.batch} are for the audit, not {self.audit}.")

    @property
    def audited(self) -> int:
        """How many of a batch are the audit's."""
        if self.audit is not None:
            return self.audit
        return min(max(5, -(-self.batch // 5)), self.batch // 2)


@dataclass(frozen=True)
class Item:
    """A text to be labelled.

    Attributes:
        row: its place among the texts, from 0.
        text: itself.
        proposed: the model's class; "" where it has none yet, and for the audit, whose answers nothing is to sway.
        probability: of that class; NaN where there is none.
        why: it was chosen.
    """

    row: int
    text: str
    proposed: str
    probability: float
    why: str


@dataclass(frozen=True)
class Prediction:
    """What a text is.

    Attributes:
        label: its class; "" for an empty text and where nothing is known.
        probability: of the class; 1 for a person's own answer.
        source: ``yours``, ``twin`` (the answer for a near-duplicate), ``model``, or "" for none.
    """

    label: str
    probability: float
    source: str


@dataclass(frozen=True)
class Mistake:
    """An answer to look at again.

    Attributes:
        rows: whose answers contradict each other, or the one that the model contradicts; from 0.
        labels: of these rows.
        suggestion: what the model says; "" for twins.
        probability: of the suggestion; NaN for twins.
    """

    rows: tuple[int, ...]
    labels: tuple[str, ...]
    suggestion: str = ""
    probability: float = float("nan")


class LabelLoop:
    """Texts and their labels; everything else follows from them, and is computed when it is first asked for.

    Args:
        texts: n texts, in a list or a column of a table; empty ones are left out.
        labels: n labels as they are written, an empty one, None or NaN where nobody answered.
        options: how to go about it.
        params: embedders, head and evidence; None reads params.yaml.
        memo: where vectors are kept.
        history: which batch each text came in; None for nothing known.
        where: what to call the labels in messages.

    Raises:
        UserError: an option or a label is wrong, or there is no text.
    """

    def __init__(
        self,
        texts: Iterable[Any],
        labels: Iterable[Any] | None = None,
        options: Options | None = None,
        *,
        params: Params | None = None,
        memo: Memo | None = None,
        history: History | None = None,
        where: str = "your labels",
    ) -> None:
        self.texts = ["" if is_missing(text) else str(text) for text in texts]
        self.labels = [""] * len(self.texts) if labels is None else [_written(label) for label in labels]
        self.options = options or Options()
        if len(self.labels) != len(self.texts):
            raise UserError(f"{len(self.texts)} texts and {len(self.labels)} labels. Give one label for each text.")
        self.params, self.memo = params or parameters.load(), memo or Memo.default()
        self.history, self.where = history or History(), where
        self.embedder = self.options.embedder or self.params.focus.embedder
        if self.embedder not in self.params.embedders:
            raise UserError(unknown("embedder", self.embedder, self.params.embedders))
        self.rows = np.array([i for i, text in enumerate(self.texts) if not is_missing(text)], np.int64)
        if not len(self.rows):
            raise UserError(f"{where}: there is no text to label. Name the column of the texts.")
        opts = self.options
        self.answers: Answers = read_answers(
            self.labels, opts.skip_mark, opts.classes, accept=opts.accept_new, where=where
        )
        if opts.aim is not None and opts.aim not in self.answers.names:
            raise UserError(unknown("class", opts.aim, self.answers.names))

    def answered(self, answers: Mapping[int, str]) -> "LabelLoop":
        """The loop once these rows have these labels, as the next batch of its history."""
        labels = list(self.labels)
        for row, label in answers.items():
            labels[row] = label
        loop = LabelLoop(
            self.texts,
            labels,
            self.options,
            params=self.params,
            memo=self.memo,
            history=self.seen,
            where=self.where,
        )
        loop.__dict__ |= {name: self.__dict__[name] for name in ("vectors", "group") if name in self.__dict__}
        return loop

    @cached_property
    def vectors(self) -> FloatArray:
        """(r, d) of the texts that are not empty."""
        texts = [self.texts[i] for i in self.rows]
        return embed_texts(self.params.embedders[self.embedder], texts, self.memo)

    @cached_property
    def group(self) -> IntArray:
        """(r,) for each text that is not empty the place of the first one that it repeats."""
        texts = [self.texts[i] for i in self.rows]
        if self.options.keep_twins:
            first: dict[str, int] = {}
            return np.array([first.setdefault(text, place) for place, text in enumerate(texts)], np.int64)
        key = digest({"texts": texts}, self.vectors, code_digest("nofreelunch.labelling.twins"))
        return self.memo.once(key, lambda: {"group": twins(texts, self.vectors)})["group"]

    @cached_property
    def firsts(self) -> IntArray:
        """(n,) the places, among the texts that are not empty, of the distinct ones."""
        return np.unique(self.group)

    @cached_property
    def _grouped(self) -> tuple[IntArray, list[IntArray]]:
        return of_groups(self.answers.labels[self.rows], self.group)

    @cached_property
    def _numbered(self) -> tuple[IntArray, list[str]]:
        texts = [self.texts[i] for i in self.rows[self.firsts]]
        return batches_of(texts, self._grouped[0][self.firsts], self.history)

    @property
    def seen(self) -> History:
        """The history with what is new as its last batch."""
        new = self._numbered[1]
        return replace(self.history, batches=[*self.history.batches, new]) if new else self.history

    @cached_property
    def state(self) -> LabelState:
        """The distinct texts as arrays."""
        rows, head, options = self.firsts, self.params.head, self.options
        features, _ = scale(self.vectors[rows], self.vectors[:0], head.scaling, centre=head.centre)
        order = places([self.texts[i] for i in self.rows[rows]], options.seed)
        share = options.audited / options.batch
        classes = len(self.answers.names)
        labels = self._grouped[0][rows]
        return LabelState(features, labels, classes, order, share, self._numbered[0], head, options.seed)

    @property
    def learns(self) -> bool:
        """Whether two classes have a label, so that there is a model."""
        return len(np.unique(self.state.labels[self.state.labelled])) > 1

    @cached_property
    def advice(self) -> Advice:
        """The start and the strategy."""
        return advise(self.vectors[self.firsts], self.options.start, self.options.strategy, self.params, self.memo)

    @cached_property
    def _batch(self) -> Batch:
        options, aim = self.options, None
        if options.aim is not None:
            aim = self.answers.names.index(options.aim)
            if not (self.state.labels[self.state.known] == aim).any():
                raise UserError(
                    f"no text is labelled '{options.aim}' yet (answers of the audit do not count here). Find one by "
                    "searching your file, label it, and aim again."
                )
        return next_batch(self.state, options.batch, options.audited, self.advice.start, self.advice.strategy, aim)

    @cached_property
    def batch(self) -> list[Item]:
        """What to label next, the most urgent first."""
        found, names = self._batch, self.answers.names
        rows = self.rows[self.firsts[found.rows]].tolist()
        probabilities = self.state.model.probabilities(self.state.features[found.rows]) if self.learns else None
        items = []
        for place, (row, why) in enumerate(zip(rows, found.why, strict=True)):
            said = why.words(names, self.advice.strategy.name)
            if probabilities is None or why.kind == "audit":
                items.append(Item(row, self.texts[row], "", float("nan"), said))
            else:
                best = int(probabilities[place].argmax())
                items.append(Item(row, self.texts[row], names[best], float(probabilities[place, best]), said))
        return items

    @cached_property
    def predictions(self) -> list[Prediction]:
        """Of every text, in order."""
        state, names = self.state, self.answers.names
        place = np.full(len(self.texts), -1)
        place[self.rows] = np.searchsorted(self.firsts, self.group)
        own = self.answers.labels
        if self.learns:
            probabilities = state.model.probabilities(state.features)
            best, highest = probabilities.argmax(axis=1), probabilities.max(axis=1)
        found = []
        for row, at in enumerate(place.tolist()):
            if own[row] >= 0:
                found.append(Prediction(names[own[row]], 1.0, "yours"))
            elif at >= 0 and state.labels[at] >= 0 and own[row] != SKIPPED:
                found.append(Prediction(names[state.labels[at]], 1.0, "twin"))
            elif at >= 0 and self.learns:
                found.append(Prediction(names[best[at]], float(highest[at]), "model"))
            else:
                found.append(Prediction("", float("nan"), ""))
        return found

    @cached_property
    def assessment(self) -> Assessment | None:
        """How good the model is, by the audit alone; None before there is an audited answer and a model."""
        state = self.state
        if not self.learns or not len(state.audited):
            return None
        said = state.held_out.argmax(axis=1)
        return assess(state.labels[state.audited], said, state.population, state.classes)

    @cached_property
    def signals(self) -> Signals | None:
        """What rules for stopping look at, the forecast of 100 more labels among them; None before there is a model."""
        return signals(self.state) if self.learns else None

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """Answers to look at again: twins that contradict each other, then those that the model contradicts most."""
        names, own = self.answers.names, self.answers.labels
        found = []
        for group in self._grouped[1]:
            rows = self.rows[group].tolist()
            found.append(Mistake(tuple(rows), tuple(names[own[row]] for row in rows)))
        return found + self._suspicious()

    def _suspicious(self) -> list[Mistake]:
        state, names = self.state, self.answers.names
        rows = state.labelled
        if len(rows) < FEWEST_FOR_MISTAKES or not self.learns:
            return []
        probabilities = crossed(state, rows)
        given = probabilities[np.arange(len(rows)), state.labels[rows]]
        gap = probabilities.max(axis=1) - given
        order = np.argsort(-gap, kind="stable")
        found = []
        for place in order[gap[order] > SUSPICIOUS].tolist():
            at, best = int(rows[place]), int(probabilities[place].argmax())
            row = int(self.rows[self.firsts[at]])
            label = names[int(state.labels[at])]
            found.append(Mistake((row,), (label,), names[best], float(probabilities[place, best])))
        return found

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what they are: texts, empty, distinct, twins, labelled, skipped, open, audited, reserve."""
        state, labels = self.state, self.answers.labels[self.rows]
        return {
            "rows": len(self.texts),
            "empty": len(self.texts) - len(self.rows),
            "distinct": len(self.firsts),
            "twins": len(self.rows) - len(self.firsts),
            "labelled_rows": int((labels >= 0).sum()),
            "labelled": len(state.labelled),
            "skipped": int((state.labels == SKIPPED).sum()),
            "open": int((state.labels == OPEN).sum()),
            "audited": len(state.audited),
            "reserve": int(state.reserve.sum()),
        }

    def per_class(self) -> dict[str, int]:
        """Labelled distinct texts of each class."""
        labels = self.state.labels[self.state.labelled]
        counts: IntArray = np.bincount(labels, minlength=len(self.answers.names))
        return dict(zip(self.answers.names, counts.tolist(), strict=True))


def _written(label: Any) -> str:
    if is_missing(label):
        return ""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def crossed(state: LabelState, rows: IntArray) -> FloatArray:
    """(L, C) probabilities of the labelled ``rows``, each by a head fitted on the other folds of them."""
    found = np.zeros((len(rows), state.classes), np.float32)
    fold = np.arange(len(rows)) % FOLDS
    for number in range(FOLDS):
        held = fold == number
        found[held] = state.fitted(rows[~held], state.penalty).probabilities(state.features[rows[held]])
    return found
