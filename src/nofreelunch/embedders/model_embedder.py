"""A transformer, for any number of tasks."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import ClassVar

import numpy as np

from nofreelunch.base.arrays import FloatArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.provenance import code_digest, releases
from nofreelunch.base.storage import Memo, digest
from nofreelunch.embedders import model_files
from nofreelunch.embedders.adapter import (
    CPU,
    HARDWARE,
    NV_EMBED,
    Hardware,
    devices,
    hardware,
    model_type,
    resolve_dtype,
)
from nofreelunch.embedders.embedding import CARD, Embedding
from nofreelunch.embedders.encoding import Encoder, chunk_keys, chunks, encode
from nofreelunch.embedders.gpu_model import GpuModel, Prepared
from nofreelunch.embedders.model_entry import ModelEntry
from nofreelunch.embedders.model_files import ModelFiles
from nofreelunch.embedders.pair_formats import FIELDS, columns, distinct
from nofreelunch.embedders.prompts import resolve
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.embedders.settings import Settings
from nofreelunch.embedders.text_tokens import TextTokens
from nofreelunch.tasks.table import Split


@dataclass(frozen=True)
class Texts:
    """What is to be embedded of one task.

    Attributes:
        name: of the task.
        parts: for each split one column of texts, or two for a pair whose texts are embedded alone.
        distinct: every text once.
        prompt: put before each.
    """

    name: str
    parts: dict[str, list[list[str]]]
    distinct: list[str]
    prompt: str

    def __len__(self) -> int:
        return sum(len(column) for part in self.parts.values() for column in part)


class ModelEmbedder:
    """A transformer, for any number of tasks: loaded once, when a text first needs it.

    Args:
        spec: the embedder's entry in params.yaml.
        memo: where finished chunks are kept.
        where: what missing chunks are computed on; None for what this process has.
        devices: where the model runs, one copy on each; None for all of this process.
        beside: ``layers`` of entries that differ from ``spec`` in this alone; their vectors come from the same pass.

    Attributes:
        kind: what its cards say.
        packages: whose versions can change a vector.
        any_hardware: whose vectors it takes from the memo, the best first.
    """

    kind: ClassVar[str] = "transformer"
    packages: ClassVar[tuple[str, ...]] = ("numpy", "tokenizers", "torch", "transformers", "sentence-transformers")
    any_hardware: ClassVar[tuple[Hardware, ...]] = HARDWARE

    def __init__(
        self,
        spec: ModelEntry,
        memo: Memo,
        where: Hardware | None = None,
        devices: list[str] | None = None,
        beside: Sequence[int | None] = (),
    ) -> None:
        self.spec, self.memo, self.layers = spec, memo, (spec.layers, *beside)
        self._where, self._devices = where, devices

    @cached_property
    def files(self) -> ModelFiles:
        """The model's checked folder."""
        return model_files.locate(self.spec)

    @cached_property
    def where(self) -> Hardware:
        """What missing chunks are computed on."""
        return self._where or self.here()

    @cached_property
    def devices(self) -> list[str]:
        """Where the model runs, one copy on each."""
        return self._devices or devices()

    def here(self) -> Hardware:
        """What this process has for it."""
        return hardware()

    def settings(self, where: Hardware) -> Settings:
        """The adapter's settings on ``where``."""
        spec = self.spec
        dtype = where.auto if spec.dtype == "auto" else resolve_dtype(spec.dtype, where.kind)
        return Settings(
            max_tokens=spec.max_tokens,
            pooling=spec.pooling,
            padding_side=spec.padding_side,
            append_eos=spec.append_eos,
            keep_eos=spec.keep_eos,
            suffix=spec.suffix,
            attention=spec.attention,
            truncate_dim=spec.truncate_dim,
            normalise=spec.normalise,
            dtype=dtype,
            remote_code=spec.remote_code,
        )

    @cached_property
    def tokens(self) -> TextTokens | None:
        """What makes ids of texts, checked against the entry; None for models with an input module of their own.

        Raises:
            UserError: the tokenizer does not fit the entry.
        """
        if not model_files.has_plain_transformer(self.files.folder):
            return None
        last = "lasttoken" in self.pooling
        tokens = TextTokens.load(self.files.folder, self.settings(self.where), last=last)
        tokens.check_ids(self.spec.expected_ids)
        return tokens

    @cached_property
    def models(self) -> list[SentenceModel]:
        """The loaded model, one copy on each device."""
        made = SentenceModel if self.where.kind == "cpu" else GpuModel
        return [made(self.files.folder, self.settings(self.where), device) for device in self.devices]

    def texts(
        self, train: Split, test: Split, pair_format: str, task_name: str, fields: tuple[str, str] = FIELDS
    ) -> Texts:
        """What this embedder embeds of a task."""
        folder = self.files.folder
        separator, prompt = model_files.separator(folder), self.prompt
        splits = {"train": train, "test": test}
        parts = {name: columns(split, pair_format, separator, fields) for name, split in splits.items()}
        return Texts(task_name, parts, distinct(parts.values()), resolve(prompt, self.spec.instructions, task_name))

    @property
    def prompt(self) -> str:
        """What is put before each text, ``{task}`` unresolved."""
        said = self.spec.prompt
        return model_files.default_prompt(self.files.folder) if said is None else said

    def missing(self, texts: Texts) -> dict[tuple[str, ...], list[str]]:
        """The chunks that the memo lacks, under the keys of their entries; none where it has all of other hardware."""
        where = self._complete(texts) or self.where
        parts = list(chunks(texts.distinct, where.kind))
        keys = [chunk_keys(texts.distinct, parts, self._key(texts.prompt, where, layers)) for layers in self.layers]
        return {
            entries: [texts.distinct[i] for i in part]
            for entries, part in zip(zip(*keys, strict=True), parts, strict=True)
            if any(self.memo.load(key) is None for key in entries)
        }

    def has(
        self, train: Split, test: Split, pair_format: str, task_name: str, fields: tuple[str, str] = FIELDS
    ) -> bool:
        """Whether the memo has all vectors of a task."""
        return not self.missing(self.texts(train, test, pair_format, task_name, fields))

    def embed(
        self, train: Split, test: Split, pair_format: str, task_name: str, fields: tuple[str, str] = FIELDS
    ) -> Embedding:
        """See ``embed``. Vectors come from one kind of hardware: the best one whose chunks the memo has all of, else
        ``where``."""
        texts = self.texts(train, test, pair_format, task_name, fields)
        around = None if self.tokens is None else self.tokens.facts()
        where = self._complete(texts) or self.where
        key, *beside = (self._key(texts.prompt, where, layers) for layers in self.layers)

        def encoders() -> list[Encoder]:
            here = self.here()
            if (where.kind, self.settings(where)) != (here.kind, self.settings(here)):
                raise UserError(f"{self.memo.folder} lost a chunk while it was in use. Run the same command again.")
            return self.encoders(texts.prompt) if prepare is None else self._runners()

        prepare = None if where.kind == "cpu" else partial(self._prepare, prompt=texts.prompt)
        encoded = encode(
            texts.distinct,
            key,
            encoders,
            self.memo,
            f"{task_name} · {self.name}",
            beside,
            self.clock,
            where.kind,
            prepare,
        )
        place = {text: i for i, text in enumerate(texts.distinct)}
        indices = {
            name: [np.array([place[t] for t in column]) for column in part] for name, part in texts.parts.items()
        }

        def fill(out: Mapping[str, list[FloatArray]]) -> None:
            encoded.fill([pair for name in out for pair in zip(out[name], indices[name], strict=True)])

        every = np.concatenate([index for part in indices.values() for index in part])
        card = {
            "kind": self.kind,
            "model": self.spec.hub,
            "source": self.files.source,
            "revision": self.files.revision,
            "sha256": self.files.weights,
            "dim": encoded.dim,
            "pooling": self.pooling,
            "prompt": texts.prompt or None,
            "suffix": self.spec.suffix or None,
            "tokenizer": around,
            "attention": self.spec.attention,
            "max_tokens": self.spec.max_tokens,
            "truncated_share": float(np.mean(encoded.tokens[every] > self.spec.max_tokens)),
            "dtype": self.settings(where).dtype,
            "versions": releases(*self.packages),
            "device": where.kind,
            "texts": len(every),
            "unique_texts": len(place),
        }
        rows, rate = {"train": len(train), "test": len(test)}, len(place) / max(encoded.seconds, 1e-9)
        return Embedding(rows, len(texts.parts["train"]), encoded.dim, fill, CARD | card, rate)

    @property
    def clock(self) -> Callable[[], float]:
        """What counts the seconds of embedding: those of all cores on a CPU, those that pass on a GPU."""
        return time.process_time if self.where == CPU else time.perf_counter

    def encoders(self, prompt: str) -> list[Encoder]:
        """What turns texts into vectors, one for each device; loads the model."""
        return [partial(model.encode_layers, prompt=prompt, layers=self.layers) for model in self.models]

    def _prepare(self, texts: list[str], prompt: str) -> Prepared:
        """What a GPU gets of ``texts``."""
        return self._gpu_models()[0].prepare(texts, prompt)

    def _runners(self) -> list[Encoder]:
        """`encoders` of what `_prepare` gives."""
        return [partial(model.run, layers=self.layers) for model in self._gpu_models()]

    def _gpu_models(self) -> list[GpuModel]:
        return [model for model in self.models if isinstance(model, GpuModel)]

    def _complete(self, texts: Texts) -> Hardware | None:
        """The best hardware of whose vectors of ``texts`` the memo lacks none.

        In a fixed order and not this process's own first, so that all who share a memo find the same vectors.
        """
        for where in self.any_hardware:
            parts = list(chunks(texts.distinct, where.kind))
            keys = chunk_keys(texts.distinct, parts, self._key(texts.prompt, where, self.spec.layers))
            if all(self.memo.load(key) is not None for key in keys):
                return where
        return None

    def module(self, where: Hardware) -> str:
        """Whose code makes the vectors on ``where``."""
        return f"nofreelunch.embedders.{'sentence_model' if where.kind == 'cpu' else 'gpu_model'}"

    def _key(self, prompt: str, where: Hardware, layers: int | None) -> str:
        return digest(
            "chunk of texts",
            {
                "settings": asdict(self.settings(where)),
                "prompt": prompt,
                "layers": layers,
                "static": self.spec.static,
                "weights": self.files.weights,
                "configuration": self.files.configuration,
                "device": where.kind,
                "versions": releases(*self.packages),
                "code": code_digest(self.module(where)),
            },
        )

    @property
    def pooling(self) -> str:
        """What becomes of token vectors, in words."""
        if self.spec.layers is not None:
            return f"mean after layer {self.spec.layers}"
        if model_type(self.files.folder) == NV_EMBED:
            return "latent attention + mean + normalize"
        return self.spec.pooling or model_files.describe_pooling(self.files.folder)

    @property
    def name(self) -> str:
        """Of the model, for people."""
        return self.spec.hub.rpartition("/")[2]
