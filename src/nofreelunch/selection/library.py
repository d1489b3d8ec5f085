"""Query strategies without the benchmark: the next rows to label for arrays of one's own, in any library's loop.

Features are centred and scaled as in the benchmark, and its default head is fitted on what is labelled.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nofreelunch.base.arrays import AnyArray, FloatArray, IntArray
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.heads import trainer
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.scaling import scale
from nofreelunch.selection.guard import checked
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.query import Query, Start
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.rows import squared_norms

Rng = int | np.random.Generator | np.random.RandomState | None


def query(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strategy: str = "badge",
    *,
    batch_size: int = 1,
    rng: Rng = None,
    candidates: npt.ArrayLike | None = None,
    classes: int | None = None,
    **options: Any,
) -> IntArray:
    """The rows of ``X`` to label next.

    Args:
        X: (n, d) features, labelled and unlabelled rows.
        y: (n,) labels; −1, NaN or None where there is none yet.
        strategy: the name of a built-in strategy; where nothing is labelled yet, of an initial pool selection.
        batch_size: how many rows; all candidates where there are fewer.
        rng: a seed or a generator; None for another choice each time.
        candidates: rows that may be chosen; all without a label where it is None.
        classes: how many classes there are; those that have a label where it is None.
        options: of the strategy, as in params.yaml.

    Returns:
        (min(batch_size, candidates),) int64 distinct rows; of a pool selection best first.

    Raises:
        UserError: there is no such strategy or option, or the arrays are not as said.
    """
    features, labelled, answers = _arrays(X, y)
    rows = _candidates(candidates, labelled, len(features))
    draws = np.random.default_rng(rng.randint(2**31) if isinstance(rng, np.random.RandomState) else rng)
    size = min(_positive(batch_size, "batch_size"), len(rows))
    pool, _ = scale(features, features[:0], "unit", centre=True)
    order = draws.permutation(rows)
    geometry = Geometry(pool, squared_norms(pool), "library", int(draws.integers(2**63)))
    if not len(labelled):
        chosen = _start(pool, geometry, order, size, draws, _known(strategy, POOLS, _UNLABELLED), options)
        return checked(chosen, rows, len(pool), size, f"pool selection '{strategy}'")
    entry = _known(strategy, {name: one for name, one in STRATEGIES.items() if not one.uses_truth}, "query strategy")
    seen, codes = np.unique(answers, return_inverse=True)
    if classes is not None and _positive(classes, "classes") < len(seen):
        raise UserError(f"y has {len(seen)} classes, more than the {classes} that were said.")
    request = _request(pool, geometry, labelled, codes, order, size, draws, classes or len(seen))
    picked = entry.select(request, **_legal(entry.select, options))
    return checked(picked, rows, len(pool), size, f"strategy '{strategy}'")


class QueryStrategy:
    """A strategy in the place of another library's.

    In scikit-activeml's loops ``strategy.query(X, y, batch_size=…)`` takes the place of theirs; in modAL's (0.4.2 or
    newer) the object is a learner's ``query_strategy``. What they pass of their classifiers is not looked at: the head
    is our own.

    Args:
        strategy: as `query` has it.
        random_state: a seed or a generator, from which all queries draw in turn.
        classes: how many classes there are; those that have a label where it is None.
        options: of the strategy.

    Raises:
        UserError: there is no such strategy or option.
    """

    def __init__(
        self, strategy: str = "badge", *, random_state: Rng = None, classes: int | None = None, **options: Any
    ) -> None:
        legal = {name: one for name, one in STRATEGIES.items() if not one.uses_truth}
        _legal(_known(strategy, legal, "query strategy").select, options)
        self.strategy, self.classes, self.options = strategy, classes, options
        is_old = isinstance(random_state, np.random.RandomState)
        self._rng = random_state if is_old else np.random.default_rng(random_state)

    def query(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *others: Any,
        candidates: npt.ArrayLike | None = None,
        batch_size: int = 1,
        return_utilities: bool = False,
        **more: Any,
    ) -> IntArray:
        """The rows of ``X`` to label next, as scikit-activeml asks for them.

        Raises:
            UserError: see `query`; or utilities are wanted, which not every strategy has.
        """
        if return_utilities:
            raise UserError("utilities cannot be returned: not every strategy scores rows one by one.")
        return query(
            X, y, self.strategy, batch_size=batch_size, rng=self._rng, candidates=candidates, classes=self.classes,
            **self.options,
        )  # fmt: skip

    def __call__(self, learner: Any, X_pool: npt.ArrayLike, n_instances: int = 1, **more: Any) -> tuple[IntArray, None]:
        """Positions in ``X_pool`` to label next, as modAL asks for them; labelled is what the learner was trained on.

        Returns:
            The positions, and no metrics: modAL would take an array of two alone for a pair of those.

        Raises:
            UserError: see `query`.
        """
        pool = np.asarray(X_pool)
        if learner.X_training is None:
            return self.query(pool, np.full(len(pool), -1), batch_size=n_instances), None
        training = np.asarray(learner.X_training)
        # To the learner −1 may be a class like any other.
        _, codes = np.unique(np.asarray(learner.y_training), return_inverse=True)
        y = np.concatenate([codes.ravel(), np.full(len(pool), -1)])
        return self.query(np.concatenate([training, pool]), y, batch_size=n_instances) - len(training), None


_UNLABELLED = "initial pool selection (nothing is labelled yet)"


def _arrays(X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, IntArray, AnyArray]:
    """Features, the rows that have a label, and their labels."""
    try:
        features = np.asarray(X, np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"X must be an array of numbers ({error}); a sparse matrix gives one by .toarray().") from error
    if features.ndim != 2 or not features.size or not np.isfinite(features).all():
        raise UserError(f"X must be (n, d) finite numbers; it is {features.shape}, or holds NaN or infinity.")
    labels = np.asarray(y)
    if labels.shape != (len(features),):
        raise UserError(f"y must hold one label for each of the {len(features)} rows of X, not {labels.shape}.")
    listed = labels.tolist()
    has = np.array([one is not None and one == one and one != -1 for one in listed], bool)
    labelled = np.flatnonzero(has)
    return features, labelled, np.array([listed[row] for row in labelled])


def _candidates(candidates: npt.ArrayLike | None, labelled: IntArray, n: int) -> IntArray:
    unlabelled = np.setdiff1d(np.arange(n), labelled)
    if candidates is None:
        return unlabelled
    rows = np.asarray(candidates)
    if rows.ndim != 1 or (len(rows) and rows.dtype.kind not in "iu"):
        raise UserError("candidates must be numbers of rows of X; put candidates of your own among its rows.")
    strange = np.setdiff1d(rows, unlabelled)
    if len(strange):
        raise UserError(f"candidates: row {strange[0]} has a label, or is not in X.")
    return np.unique(rows).astype(np.int64)


def _positive(value: int, name: str) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise UserError(f"{name} must be a whole number of at least 1, not {value!r}.")
    return int(value)


def _known(name: str, registry: Mapping[str, Any], kind: str) -> Any:
    if name not in registry:
        raise UserError(unknown(kind, str(name), registry))
    return registry[name]


def _legal(select: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """``options``, if they are keyword-only parameters of ``select``."""
    parameters = inspect.signature(select).parameters.values()
    legal = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in legal:
            raise UserError(unknown("option", name, legal))
    return options


def _start(
    pool: FloatArray,
    geometry: Geometry,
    order: IntArray,
    size: int,
    draws: np.random.Generator,
    select: Callable[..., IntArray],
    options: dict[str, Any],
) -> IntArray:
    """A first batch; where some rows are no candidates, of a pool without them."""
    if len(order) == len(pool):
        return select(Start(geometry, order, size, draws), **_legal(select, options))
    part = pool[order]
    own = Geometry(part, squared_norms(part), "library", int(draws.integers(2**63)))
    return order[select(Start(own, np.arange(len(part)), size, draws), **_legal(select, options))]


def _request(
    pool: FloatArray,
    geometry: Geometry,
    labelled: IntArray,
    codes: IntArray,
    order: IntArray,
    size: int,
    draws: np.random.Generator,
    classes: int,
) -> Query:
    learner = trainer(LogisticSpec(), geometry.rows, classes).learner(draws)
    head = learner.fit(labelled, codes)
    made = Query(
        geometry=geometry,
        distances=LabelledDistances(geometry),
        labelled=labelled,
        labels=codes,
        candidates=order,
        head=head,
        scored=head.probabilities(pool),
        batch_size=size,
        rng=draws,
    )
    for array in (made.features, made.labelled, made.labels, made.candidates, made.scored):
        array.flags.writeable = False
    return made
