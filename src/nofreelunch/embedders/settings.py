"""The settings that adapt a model: what of an embedder's entry can change a vector."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What an adapter changes about a model; every field but ``remote_code`` can change the vectors.

    See ``model_entry.ModelEntry`` for the fields' meaning; ``dtype`` is the resolved one.
    """

    max_tokens: int
    pooling: str | None
    padding_side: str | None
    append_eos: bool | None
    truncate_dim: int | None
    normalise: bool
    dtype: str
    remote_code: bool
    suffix: str = ""
    keep_eos: bool = True
    attention: str | None = None
