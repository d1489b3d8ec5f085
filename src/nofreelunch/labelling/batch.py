"""The next batch: audit texts in their fixed order, and texts that a query strategy chooses among the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.randomness import generator
from nofreelunch.heads.head import Head
from nofreelunch.labelling.state import OPEN, LabelState
from nofreelunch.selection.guard import checked
from nofreelunch.selection.query import Query, Start
from nofreelunch.selection.together import two_highest
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.rows import squared_norms

# A strategy looks at no more than so many texts, drawn at random: some take memory that grows with their square.
LOOKED_AT = 20_000
# Of the texts nearest to a class, so many times the batch are asked how uncertain they are.
NEAREST = 5
UNDECIDED = 0.3

Kind = Literal["audit", "start", "random", "undecided", "far", "aimed", "chosen"]


@dataclass(frozen=True)
class Way:
    """A pool selection or a query strategy with its options.

    Attributes:
        name: of its entry in params.yaml.
        select: its function.
        options: keyword arguments of the function.
    """

    name: str
    select: Callable[..., IntArray]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Why:
    """Why a text was chosen.

    Attributes:
        kind: ``audit``, ``start`` (typical of many others, nothing being known yet), ``random``, ``undecided`` (between
            the two ``classes``), ``far`` (from all labelled texts), ``aimed`` (at the class of ``classes``), or
            ``chosen`` (by the strategy, for no reason that can be seen).
        classes: numbers of classes.
    """

    kind: Kind
    classes: tuple[int, ...] = ()

    def words(self, names: Sequence[str], strategy: str) -> str:
        """The same for a person, with the ``names`` of the classes."""
        named = [names[number] for number in self.classes]
        return {
            "audit": "audit",
            "start": "typical of many texts",
            "random": "drawn at random",
            "undecided": f"undecided between {' and '.join(named)}",
            "far": "far from all labelled texts",
            "aimed": f"near the texts labelled {''.join(named)}",
            "chosen": f"chosen by {strategy}",
        }[self.kind]


@dataclass(frozen=True)
class Batch:
    """What to label next.

    Attributes:
        rows: (b,) int64, in the order in which to label them.
        why: of each.
    """

    rows: IntArray
    why: list[Why] = field(default_factory=list)


def next_batch(state: LabelState, size: int, audit: int, start: Way, strategy: Way, aim: int | None = None) -> Batch:
    """At most ``size`` open texts, ``audit`` of them the audit's next; either kind gives way to the other where it has
    none left.

    The audit's texts come first. What is chosen is chosen by answers outside the audit's reserve alone, so that no
    prediction of an audited text can come from texts that were chosen because of its answer.

    Args:
        state: what is known.
        size: of the batch.
        audit: how many of it are the audit's.
        start: the pool selection, taken until two classes are known.
        strategy: the query strategy, taken from then on.
        aim: the class to find more of, instead of both; one of its texts is `LabelState.known`.
    """
    asked = state.next_audit(min(audit, size))
    picked = _chosen(state, size - len(asked), start, strategy, aim)
    asked = state.next_audit(size - len(picked.rows))
    return Batch(np.concatenate([asked, picked.rows]), [*([Why("audit")] * len(asked)), *picked.why])


def _chosen(state: LabelState, size: int, start: Way, strategy: Way, aim: int | None) -> Batch:
    names = ("label", state.seed, len(state.labelled))
    rng = generator(*names, "order")
    candidates = rng.permutation(np.flatnonzero((state.labels == OPEN) & ~state.reserve))[:LOOKED_AT]
    known, size = state.known, min(size, len(candidates))
    if size == 0:
        return Batch(np.empty(0, np.int64))
    if aim is not None:
        return _aimed(state, candidates, size, aim)
    if len(np.unique(state.labels[known])) < 2:
        view = state.features[candidates]
        asked = Start(Geometry(view, squared_norms(view), *names), np.arange(len(view)), size, generator(*names))
        picked = start.select(asked, **start.options)
        rows = checked(picked, np.arange(len(view)), len(view), size, f"pool selection '{start.name}'")
        return Batch(candidates[rows], [Why("random" if start.name == "random" else "start")] * size)
    head = state.fitted(known)
    query = _request(state, known, candidates, head, size, names)
    picked = strategy.select(query, **strategy.options)
    positions = checked(picked, query.candidates, len(query.features), size, f"strategy '{strategy.name}'")
    return Batch(candidates[positions - len(known)], reasons(query, positions, strategy.name))


def _request(
    state: LabelState, known: IntArray, candidates: IntArray, head: Head, size: int, names: tuple[str | int, ...]
) -> Query:
    """The request whose pool is the ``known`` texts, then the ``candidates``."""
    features = state.features[np.concatenate([known, candidates])]
    geometry = Geometry(features, squared_norms(features), *names)
    positions = np.arange(len(features))
    return Query(
        geometry=geometry,
        distances=LabelledDistances(geometry),
        labelled=positions[: len(known)],
        labels=state.labels[known],
        candidates=positions[len(known) :],
        head=head,
        scored=head.probabilities(features),
        batch_size=size,
        rng=generator(*names),
    )


def reasons(query: Query, picked: IntArray, strategy: str) -> list[Why]:
    """Why each of the ``picked`` is worth a label, by what can be seen of it: the two classes that the head wavers
    between (p₁ − p₂ below UNDECIDED), else a distance to all labelled texts in the upper tenth, else the strategy."""
    if strategy == "random":
        return [Why("random")] * len(picked)
    first, second = two_highest(np.ascontiguousarray(query.probabilities[picked].T))
    order = np.argsort(-query.probabilities[picked], axis=1, kind="stable")
    distances = query.geometry.rows.down(query.distances.to(query.labelled))
    far = np.quantile(distances[query.candidates], 0.9)
    found = []
    for row, best, gap in zip(picked, order, first - second, strict=True):
        if gap < UNDECIDED:
            found.append(Why("undecided", (int(best[0]), int(best[1]))))
        else:
            found.append(Why("far" if distances[row] >= far else "chosen"))
    return found


def _aimed(state: LabelState, candidates: IntArray, size: int, aim: int) -> Batch:
    """Of the candidates nearest to the labelled texts of the class ``aim``, those about which the head knows least
    whether they are of it."""
    members = state.known[state.labels[state.known] == aim]
    similarity = (state.features[candidates] @ state.features[members].T).max(axis=1)
    near = candidates[np.argsort(-similarity, kind="stable")[: NEAREST * size]]
    own = state.fitted(state.known).probabilities(state.features[near])[:, aim]
    rows = near[np.argsort(np.abs(own - 0.5), kind="stable")[:size]]
    return Batch(rows, [Why("aimed", (aim,))] * len(rows))
