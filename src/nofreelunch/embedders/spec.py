"""An embedder's entry in params.yaml, one class for each kind."""

from typing import Annotated, Literal

from pydantic import Field

from nofreelunch.spec import Spec


class Hashing(Spec):
    """Hashed words, L2-normalised: weak on purpose."""

    kind: Literal["hashing"]
    dim: int = Field(512, ge=2)


class Lsa(Spec):
    """TF-IDF and truncated SVD, fitted on the unlabelled pool."""

    kind: Literal["lsa"]
    dim: int = Field(256, ge=2)


class Transformer(Spec):
    """A sentence-transformers model, or (``static``) only the mean of its input word vectors.

    Attributes:
        hub: the model's hub id.
        revision: the commit to load.
        package: an installed Python package that carries the same model, used first where it is installed.
        sha256: of model.safetensors, checked before loading; None skips the check.
        max_tokens: texts are truncated to this many tokens.
        static: use the mean of the input word vectors and no transformer layer.
    """

    kind: Literal["transformer"]
    hub: str
    revision: str
    package: str | None = None
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    max_tokens: int = Field(512, ge=2)
    static: bool = False


EmbedderSpec = Annotated[Hashing | Lsa | Transformer, Field(discriminator="kind")]
