"""A model's static word vectors, for any number of tasks."""

from functools import cached_property
from typing import ClassVar

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.embedders import model_files, static_vectors
from nofreelunch.embedders.adapter import CPU, Hardware
from nofreelunch.embedders.encoding import Encoder
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.static_vectors import StaticVectors
from nofreelunch.embedders.text_tokens import TextTokens


class StaticEmbedder(ModelEmbedder):
    """See `ModelEmbedder`; no transformer runs, so that vectors are made on the CPU, whatever else there is."""

    kind: ClassVar[str] = "static"
    packages: ClassVar[tuple[str, ...]] = ("numpy", "scipy", "tokenizers")
    any_hardware: ClassVar[tuple[Hardware, ...]] = (CPU,)

    @cached_property
    def vectors(self) -> StaticVectors:
        """The model's input word vectors."""
        folder = self.files.folder
        files = model_files.weight_files(folder)
        return StaticVectors(folder, files, self.spec.max_tokens, self.spec.truncate_dim)

    def here(self) -> Hardware:
        """See `ModelEmbedder`."""
        return CPU

    @cached_property
    def tokens(self) -> TextTokens | None:
        """None: `vectors` has a tokenizer of its own, without special tokens."""
        return None

    @property
    def prompt(self) -> str:
        """Nothing, whatever the model has by default."""
        return ""

    def encoders(self, prompt: str) -> list[Encoder]:
        """See `ModelEmbedder`."""
        return [self._encode]

    def module(self, where: Hardware) -> str:
        """See `ModelEmbedder`."""
        return static_vectors.__name__

    @property
    def pooling(self) -> str:
        """See `ModelEmbedder`."""
        return "mean of input word vectors"

    @property
    def name(self) -> str:
        """See `ModelEmbedder`."""
        return f"{super().name} (static)"

    def _encode(self, texts: list[str]) -> tuple[list[FloatArray], IntArray]:
        vectors, tokens = self.vectors.encode(texts)
        return [vectors], tokens
