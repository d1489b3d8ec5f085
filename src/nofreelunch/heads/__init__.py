"""Heads: classifiers on frozen embeddings."""

from nofreelunch.heads.head import Trainer
from nofreelunch.heads.kinds import KINDS
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.space.rows import Rows


def trainer(spec: HeadSpec, rows: Rows, class_count: int) -> Trainer:
    """What fits heads of the kind ``spec`` on the pool ``rows``, scaled, for a task of ``class_count``."""
    return KINDS[spec.kind].trainer(rows, class_count, **spec.model_dump(exclude={"kind", "scaling", "centre"}))
