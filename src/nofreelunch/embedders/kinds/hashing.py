"""Hashed words (Weinberger et al. 2009, arXiv 0902.2206)."""

from typing import Literal

from pydantic import Field

from nofreelunch.embedders import text_features
from nofreelunch.embedders.text_vectors import MAX_DIM, Method, TextVectors


class Hashing(TextVectors):
    """Hashed words, L2-normalised: weak on purpose."""

    kind: Literal["hashing"]
    dim: int = Field(512, ge=2, le=MAX_DIM)

    @property
    def method(self) -> Method:
        """See `TextVectors`."""
        return text_features.hashing


ENTRY = Hashing
