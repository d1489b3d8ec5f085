"""Named, seeded random generators: the same names give the same stream on any machine and in any order."""

import hashlib

import numpy as np


def generator(*names: str | int) -> np.random.Generator:
    """The generator that belongs to ``names``, e.g. ``("ag_news", "minilm", "typiclust", "badge", 3)``.

    Streams of different names are independent, so adding a strategy or a seed never changes another's draws.
    """
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.uint32)
    return np.random.default_rng(np.random.SeedSequence(words.tolist()))
