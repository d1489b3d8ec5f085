"""A transformer, or its static word vectors, for any number of tasks."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from nofreelunch.embedders import model_files
from nofreelunch.embedders.adapter import Settings, devices, resolve_dtype
from nofreelunch.embedders.embedding import CARD, Embedding
from nofreelunch.embedders.encoding import Encoder, encode
from nofreelunch.embedders.model_files import ModelFiles
from nofreelunch.embedders.pair_formats import FIELDS, columns
from nofreelunch.embedders.prompts import resolve
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.embedders.spec import Transformer
from nofreelunch.embedders.static_vectors import StaticVectors
from nofreelunch.provenance import code_digest
from nofreelunch.storage import Memo, digest
from nofreelunch.tasks.table import Split

FloatArray = npt.NDArray[np.float32]

# Whose versions can change a vector.
STATIC_PACKAGES = ("numpy", "scipy", "tokenizers")
MODEL_PACKAGES = ("numpy", "tokenizers", "torch", "transformers", "sentence-transformers")


class ModelEmbedder:
    """A transformer or its static word vectors, for any number of tasks: loaded once, when a text first needs it."""

    def __init__(self, spec: Transformer, memo: Memo) -> None:
        self.spec, self.memo = spec, memo

    @cached_property
    def files(self) -> ModelFiles:
        """The model's checked folder."""
        return model_files.locate(self.spec)

    @cached_property
    def devices(self) -> list[str]:
        """Where the model runs, one copy on each."""
        return ["cpu"] if self.spec.static else devices()

    @cached_property
    def settings(self) -> Settings:
        """The adapter's settings."""
        spec = self.spec
        return Settings(
            max_tokens=spec.max_tokens,
            pooling=spec.pooling,
            padding_side=spec.padding_side,
            append_eos=spec.append_eos,
            truncate_dim=spec.truncate_dim,
            normalise=spec.normalise,
            dtype="float32" if spec.static else resolve_dtype(spec.dtype, self.devices[0]),
            remote_code=spec.remote_code,
        )

    @cached_property
    def models(self) -> list[SentenceModel]:
        """The loaded model, one copy on each device."""
        return [SentenceModel(self.files.folder, self.settings, device) for device in self.devices]

    @cached_property
    def static_vectors(self) -> StaticVectors:
        """The model's input word vectors."""
        folder = self.files.folder
        return StaticVectors(folder, model_files.weight_files(folder), self.spec.max_tokens)

    def embed(
        self, train: Split, test: Split, pair_format: str, task_name: str, fields: tuple[str, str] = FIELDS
    ) -> Embedding:
        """See ``embed``."""
        separator = model_files.separator(self.files.folder)
        splits = {"train": train, "test": test}
        parts = {name: columns(split, pair_format, separator, fields) for name, split in splits.items()}
        texts = [text for part in parts.values() for column in part for text in column]
        place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        prompt = resolve(self.spec.prompt, self.spec.instructions, task_name)
        versions = model_files.versions(*(STATIC_PACKAGES if self.spec.static else MODEL_PACKAGES))
        key = self._key(prompt, versions)
        encoded = encode(list(place), key, lambda: self._encoders(prompt), self.memo, self._label(task_name))
        indices = {name: [np.array([place[t] for t in column]) for column in part] for name, part in parts.items()}

        def fill(out: Mapping[str, list[FloatArray]]) -> None:
            encoded.fill([pair for name in out for pair in zip(out[name], indices[name], strict=True)])

        every = np.concatenate([index for part in indices.values() for index in part])
        card = {
            "kind": "static" if self.spec.static else "transformer",
            "model": self.spec.hub,
            "source": self.files.source,
            "revision": self.files.revision,
            "sha256": self.files.weights,
            "dim": encoded.dim,
            "pooling": self._pooling(),
            "prompt": prompt or None,
            "max_tokens": self.spec.max_tokens,
            "truncated_share": float(np.mean(encoded.tokens[every] > self.spec.max_tokens)),
            "dtype": self.settings.dtype,
            "versions": versions,
            "device": self.devices[0].partition(":")[0],
            "texts": len(texts),
            "unique_texts": len(place),
            "texts_per_second": len(place) / max(encoded.seconds, 1e-9),
        }
        rows = {name: len(split) for name, split in splits.items()}
        return Embedding(rows, len(parts["train"]), encoded.dim, fill, CARD | card)

    def _key(self, prompt: str, versions: dict[str, str]) -> str:
        module = "static_vectors" if self.spec.static else "sentence_model"
        return digest(
            "chunk of texts",
            {
                "settings": asdict(self.settings),
                "prompt": prompt,
                "static": self.spec.static,
                "weights": self.files.weights,
                "configuration": self.files.configuration,
                "device": self.devices[0].partition(":")[0],
                "versions": versions,
                "code": code_digest(f"nofreelunch.embedders.{module}"),
            },
        )

    def _encoders(self, prompt: str) -> list[Encoder]:
        if self.spec.static:
            return [self.static_vectors.encode]
        return [partial(model.encode, prompt=prompt) for model in self.models]

    def _pooling(self) -> str:
        if self.spec.static:
            return "mean of input word vectors"
        return self.spec.pooling or model_files.describe_pooling(self.files.folder)

    def _label(self, task_name: str) -> str:
        return f"{task_name} · {self.spec.hub.rpartition('/')[2]}{' (static)' if self.spec.static else ''}"
