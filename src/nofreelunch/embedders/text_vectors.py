"""Vectors by scikit-learn from the words of a task, without a model, kept in the memo."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nofreelunch.base.arrays import AnyArray, FloatArray
from nofreelunch.base.provenance import code_digest, releases
from nofreelunch.base.spec import Spec
from nofreelunch.base.storage import Memo, digest
from nofreelunch.embedders.embedding import Embedding
from nofreelunch.embedders.pair_formats import columns
from nofreelunch.embedders.section import Embedder, Fields, Section, WithoutModel
from nofreelunch.embedders.text_features import Columns
from nofreelunch.tasks.table import Split

# Of text features; beyond it a dense matrix of them fits no machine.
MAX_DIM = 65_536
# Whose versions can change a vector.
PACKAGES = ("numpy", "scipy", "scikit-learn")
Method = Callable[[int, Columns, Columns], tuple[list[FloatArray], list[FloatArray]]]
"""From dimensions and the columns of texts of train and test to an array for each; it may be fitted on train."""


class TextVectors(Section):
    """Vectors of ``dim`` dimensions by a `method`, whose module's code is in the memo's key."""

    if TYPE_CHECKING:
        dim: int

    @property
    def method(self) -> Method:
        """What makes the vectors."""
        raise NotImplementedError(f"{type(self).__name__} does not say what makes its vectors")

    def embedder(self, memo: Memo, grid: Iterable[Spec] = ()) -> Embedder:
        """See `Section`."""
        return WithoutModel(partial(self._embed, memo))

    @property
    def registered(self) -> tuple[str | None, str | None]:
        """See `Section`: the kind."""
        return self.kind, None

    def dimensions(self, dataset: str | None = None) -> int | None:
        """See `Section`."""
        return self.dim

    def _embed(
        self, memo: Memo, train: Split, test: Split, pair_format: str, dataset: str, fields: Fields
    ) -> Embedding:
        splits = {"train": train, "test": test}
        texts = {name: columns(split, pair_format, fields=fields) for name, split in splits.items()}
        versions = releases(*PACKAGES)
        settings = {
            "spec": self.model_dump(),
            "texts": texts,
            "versions": versions,
            "code": code_digest(self.method.__module__),
        }
        key = digest("text features", settings)

        def compute() -> dict[str, AnyArray]:
            start = time.process_time()
            train, test = self.method(self.dim, texts["train"], texts["test"])
            spent = np.array([time.process_time() - start])
            return {"train": np.stack(train), "test": np.stack(test), "seconds": spent}

        found = memo.once(key, compute)
        every = [text for part in texts.values() for column in part for text in column]
        card = {
            "kind": self.kind,
            "source": "scikit-learn",
            "truncated_share": 0.0,
            "dtype": "float32",
            "versions": versions,
            "device": "cpu",
            "texts": len(every),
            "unique_texts": len(set(every)),
        }
        rate = len(every) / max(float(found["seconds"].item()), 1e-9)
        return Embedding.of({name: list(found[name]) for name in splits}, card, rate)
