"""How a cell's embedding looks, in numbers and as a picture: computed once, then taken from the memo."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from nofreelunch.base.arrays import AnyArray, AnyFloatArray, FloatArray, IntArray
from nofreelunch.base.provenance import code_digest, environment
from nofreelunch.base.storage import Memo, digest
from nofreelunch.cells.diagnostics import LABEL_FREE, LABELLED, diagnose
from nofreelunch.cells.plane import plane

NAMES = LABEL_FREE + LABELLED


@dataclass(frozen=True)
class Portrait:
    """One embedding.

    Attributes:
        diagnostics: under 'label_free' and 'labelled', None for what is undefined.
        plane: x and y, (n,) float32.
    """

    diagnostics: dict[str, dict[str, float | None]]
    plane: dict[str, FloatArray]


def portrait(pool: AnyFloatArray, labels: IntArray, memo: Memo) -> Portrait:
    """The diagnostics and the principal plane of a pool (n, d) with its true labels (n,)."""
    key = portrait_key(pool, labels)
    stored = memo.once(key, lambda: portrait_entry(pool, labels, key)[key])
    values = dict(zip(NAMES, stored["diagnostics"].tolist(), strict=True))
    return Portrait(
        {
            kind: {name: values[name] if np.isfinite(values[name]) else None for name in members}
            for kind, members in (("label_free", LABEL_FREE), ("labelled", LABELLED))
        },
        {axis: stored[axis] for axis in ("x", "y")},
    )


def portrait_key(pool: AnyFloatArray, labels: IntArray) -> str:
    """The key of a portrait's entry in the memo."""
    code = code_digest("nofreelunch.cells.diagnostics", "nofreelunch.cells.plane")
    return digest("portrait", np.asarray(pool), labels, code, environment())


def portrait_entry(pool: AnyFloatArray, labels: IntArray, key: str) -> dict[str, dict[str, AnyArray]]:
    """A portrait as an entry of the memo under ``key``."""
    with threadpool_limits(1):
        found = diagnose(pool, labels)
        return {key: {"diagnostics": np.array([found[name] for name in NAMES])} | plane(pool)}
