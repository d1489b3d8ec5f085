"""Heads: classifiers on frozen embeddings, one kind a file. A new one is one file, its section in `spec` and one line
here."""

from collections.abc import Callable
from typing import Any

from nofreelunch.heads import knn, lda, logistic, mlp, ridge
from nofreelunch.heads.head import Trainer
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.space.device import DeviceRows
from nofreelunch.space.rows import Rows


def _logistic(rows: Rows, class_count: int, **options: Any) -> Trainer:
    alone = logistic.Trainer(rows, class_count, **options)
    if not isinstance(rows, DeviceRows):
        return alone
    from nofreelunch.heads import logistic_lockstep

    return logistic_lockstep.Trainer(alone, rows)


TRAINERS: dict[str, Callable[..., Trainer]] = {
    "logistic": _logistic,
    "mlp": mlp.Trainer,
    "knn": knn.Trainer,
    "lda": lda.Trainer,
    "ridge": ridge.Trainer,
}


def trainer(spec: HeadSpec, rows: Rows, class_count: int) -> Trainer:
    """What fits heads of the kind ``spec`` on the pool ``rows``, scaled, for a task of ``class_count``."""
    return TRAINERS[spec.kind](rows, class_count, **spec.model_dump(exclude={"kind", "scaling", "centre"}))
