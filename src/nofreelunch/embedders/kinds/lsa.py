"""Latent semantic analysis (Deerwester et al. 1990)."""

from typing import Literal

from pydantic import Field

from nofreelunch.embedders import text_features
from nofreelunch.embedders.text_vectors import MAX_DIM, Method, TextVectors


class Lsa(TextVectors):
    """TF-IDF and truncated SVD, fitted on the unlabelled pool."""

    kind: Literal["lsa"]
    dim: int = Field(256, ge=2, le=MAX_DIM)

    @property
    def method(self) -> Method:
        """See `TextVectors`."""
        return text_features.lsa


ENTRY = Lsa
