"""From a task's texts to its embedding: the one entry point for all kinds of embedders."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from nofreelunch.embedders import model_files, text_features
from nofreelunch.embedders.adapter import Settings, devices, resolve_dtype
from nofreelunch.embedders.encoding import Encoder, encode
from nofreelunch.embedders.model_files import ModelFiles
from nofreelunch.embedders.pair_formats import FIELDS, columns, combine
from nofreelunch.embedders.prompts import resolve
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.embedders.spec import EmbedderSpec, Hashing, Lsa, Transformer
from nofreelunch.embedders.static_vectors import StaticVectors
from nofreelunch.errors import UserError
from nofreelunch.provenance import code_digest
from nofreelunch.storage import Memo, digest
from nofreelunch.tasks.table import Split

FloatArray = npt.NDArray[np.float32]

# Whose versions can change a vector.
STATIC_PACKAGES = ("numpy", "scipy", "tokenizers")
MODEL_PACKAGES = ("numpy", "tokenizers", "torch", "transformers", "sentence-transformers")
TEXT_FEATURE_PACKAGES = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Embedding:
    """The frozen features of a task.

    Attributes:
        train: (n, d) float32, C order, finite; row i = row i of the train split.
        test: (m, d) likewise.
        card: how they were made.
    """

    train: FloatArray
    test: FloatArray
    card: dict[str, Any]


def embed(
    spec: EmbedderSpec,
    train: Split,
    test: Split,
    pair_format: str,
    memo: Memo,
    task_name: str,
    fields: tuple[str, str] = FIELDS,
) -> Embedding:
    """Embed both splits of one task; labels are never looked at.

    Args:
        spec: the embedder's entry in params.yaml.
        train: the pool.
        test: for evaluation only; it never influences what is fitted.
        pair_format: ``joined``, ``labelled`` or ``concat``; ignored for single texts.
        memo: where finished chunks are kept.
        task_name: chooses the instruction of a prompt, and is shown with the progress.
        fields: the names of the two texts in ``labelled``.

    Raises:
        UserError: the model cannot be had or loaded, a setting does not fit it, or a row has no finite vector.
    """
    if isinstance(spec, Transformer):
        return ModelEmbedder(spec, memo).embed(train, test, pair_format, task_name, fields)
    return _embed_text_features(spec, train, test, pair_format, memo, fields)


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
        train_columns = columns(train, pair_format, separator, fields)
        test_columns = columns(test, pair_format, separator, fields)
        texts = [text for column in [*train_columns, *test_columns] for text in column]
        place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        prompt = resolve(self.spec.prompt, self.spec.instructions, task_name)
        versions = model_files.versions(*(STATIC_PACKAGES if self.spec.static else MODEL_PACKAGES))
        key = self._key(prompt, versions)
        encoded = encode(list(place), key, lambda: self._encoders(prompt), self.memo, self._label(task_name))

        def rows(parts: Sequence[Sequence[str]]) -> FloatArray:
            return combine([encoded.vectors[[place[text] for text in part]] for part in parts])

        index = np.array([place[text] for text in texts])
        card = {
            "kind": "static" if self.spec.static else "transformer",
            "model": self.spec.hub,
            "source": self.files.source,
            "revision": self.files.revision,
            "sha256": self.files.weights,
            "dim": encoded.vectors.shape[1],
            "pooling": self._pooling(),
            "prompt": prompt or None,
            "max_tokens": self.spec.max_tokens,
            "truncated_share": float(np.mean(encoded.tokens[index] > self.spec.max_tokens)),
            "dtype": self.settings.dtype,
            "versions": versions,
            "device": self.devices[0].partition(":")[0],
            "texts": len(texts),
            "unique_texts": len(place),
            "texts_per_second": len(place) / max(encoded.seconds, 1e-9),
        }
        return _checked(rows(train_columns), rows(test_columns), card)

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


def _embed_text_features(
    spec: Hashing | Lsa, train: Split, test: Split, pair_format: str, memo: Memo, fields: tuple[str, str]
) -> Embedding:
    train_columns = columns(train, pair_format, fields=fields)
    test_columns = columns(test, pair_format, fields=fields)
    versions = model_files.versions(*TEXT_FEATURE_PACKAGES)
    settings = {
        "spec": spec.model_dump(),
        "train": train_columns,
        "test": test_columns,
        "versions": versions,
        "code": code_digest("nofreelunch.embedders.text_features"),
    }
    key = digest("text features", settings)
    found = memo.load(key)
    if found is None:
        start = time.perf_counter()
        method = text_features.hashing if isinstance(spec, Hashing) else text_features.lsa
        parts = method(spec.dim, train_columns, test_columns)
        seconds = np.array([time.perf_counter() - start])
        found = {"train": combine(parts[0]), "test": combine(parts[1]), "seconds": seconds}
        memo.save(key, found)
    texts = [text for column in [*train_columns, *test_columns] for text in column]
    width = found["train"].shape[1]
    card = {
        "kind": spec.kind,
        "model": None,
        "source": "scikit-learn",
        "revision": None,
        "sha256": None,
        "dim": width // 4 if len(train_columns) > 1 else width,
        "pooling": None,
        "prompt": None,
        "max_tokens": None,
        "truncated_share": 0.0,
        "dtype": "float32",
        "versions": versions,
        "device": "cpu",
        "texts": len(texts),
        "unique_texts": len(set(texts)),
        "texts_per_second": len(texts) / max(float(found["seconds"].item()), 1e-9),
    }
    return _checked(found["train"], found["test"], card)


def _checked(train: FloatArray, test: FloatArray, card: dict[str, Any]) -> Embedding:
    for name, vectors in (("train", train), ("test", test)):
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise UserError(
                f"row {bad[0]} of the {name} split has no finite vector ({len(bad)} such row(s)). Set "
                "'dtype: float32' for this embedder if it is float16, else remove the row."
            )
    return Embedding(train, test, card)
