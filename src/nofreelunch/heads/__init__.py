"""Heads: classifiers on frozen embeddings, one kind a file. A new one is one file, its section in `spec` and one line
here."""

from collections.abc import Callable

from nofreelunch.base.arrays import FloatArray
from nofreelunch.heads import knn, lda, logistic, mlp, ridge
from nofreelunch.heads.head import Trainer
from nofreelunch.heads.spec import HeadSpec

TRAINERS: dict[str, Callable[..., Trainer]] = {
    "logistic": logistic.Trainer,
    "mlp": mlp.Trainer,
    "knn": knn.Trainer,
    "lda": lda.Trainer,
    "ridge": ridge.Trainer,
}


def trainer(spec: HeadSpec, pool: FloatArray, class_count: int) -> Trainer:
    """What fits heads of the kind ``spec`` on ``pool`` ((n, d) float32, scaled) for a task of ``class_count``."""
    return TRAINERS[spec.kind](pool, class_count, **spec.model_dump(exclude={"kind", "scaling", "centre"}))
