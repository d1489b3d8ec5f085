"""A model's tokenizer: the ids its authors' library gives, one template around every text, ends that cutting keeps."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.embedders.settings import Settings

PROBE = "the first text"
# transformers 4 rebuilt the template of these from add_bos_token and add_eos_token, whatever the file held.
REBUILT = ("Llama", "CodeLlama", "Gemma", "Cohere")
# Steps of a tokenizer that put special tokens around a text.
TEMPLATES = ("TemplateProcessing", "BertProcessing", "RobertaProcessing")


class TextTokens:
    """Turns texts into padded token ids: ``front``, prompt, text and suffix, ``end``.

    Args:
        tokenizer: a fast tokenizer of transformers; its template is replaced where the settings ask for another one.
        flags: the content of tokenizer_config.json, whose ``add_bos_token`` and ``add_eos_token`` are honoured.
        settings: the adapter.
        last: whether the model pools the last token.

    Attributes:
        front: ids before every text.
        end: ids after every text, also after a cut one.

    Raises:
        UserError: the tokenizer does not fit the settings, or what it puts around a text is not one front and one end.
    """

    def __init__(self, tokenizer: Any, flags: dict[str, Any], settings: Settings, *, last: bool) -> None:
        self.tokenizer, self.settings = tokenizer, settings
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = _padding_side(tokenizer, flags, settings, last)
        found = _template(tokenizer)
        self.front, self.end = _wanted(tokenizer, flags, settings, *found)
        if (self.front, self.end) != found:
            _set_template(tokenizer.backend_tokenizer, self.front, self.end)
        self.literal_eos = str(tokenizer.eos_token) if settings.append_eos and not settings.keep_eos else ""
        if last and not self.end and not self.literal_eos and settings.append_eos is None:
            raise UserError(
                "this model pools the last token, but its tokenizer ends texts with no special token, so that the "
                "vector would be that of any last word. Set 'append_eos: true' for this embedder (or 'append_eos: "
                "false', if the model was trained like that)."
            )
        self._typed = any(tokenizer.backend_tokenizer.encode(PROBE).type_ids)

    @classmethod
    def load(cls, folder: Path, settings: Settings, *, last: bool) -> "TextTokens":
        """The tokenizer of a model folder: tokenizer.json as it is, where there is one.

        transformers 5 builds several classes anew from the vocabulary alone, which changes ids around spaces;
        version 4, with which the models were trained and scored, took the file.
        """
        from transformers import AutoTokenizer, PreTrainedTokenizerFast

        place = folder / _first_part(folder)
        flags = _json(place / "tokenizer_config.json")
        foreign = settings.remote_code and "AutoTokenizer" in (flags.get("auto_map") or {})
        try:
            if foreign or not (place / "tokenizer.json").is_file():
                tokenizer: Any = AutoTokenizer.from_pretrained(
                    str(place), local_files_only=True, trust_remote_code=settings.remote_code
                )
            else:
                tokenizer = PreTrainedTokenizerFast.from_pretrained(str(place), local_files_only=True)
                _restore(tokenizer, place / "tokenizer.json", flags)
        except Exception as error:  # tokenizers raises no narrower one
            raise UserError(f"the tokenizer in {place} does not load: {error}\nFetch the model again.") from error
        if not getattr(tokenizer, "is_fast", False):
            raise UserError(f"the tokenizer in {place} has no fast version (tokenizer.json); save it as one.")
        try:
            return cls(tokenizer, flags, settings, last=last)
        except UserError as error:
            raise UserError(f"the tokenizer in {place}: {error}") from error

    def features(self, texts: list[str], prompt: str) -> tuple[dict[str, Any], IntArray]:
        """Padded ids and their mask, cut to ``max_tokens``; ``prompt_length`` counts front and prompt.

        A suffix is put behind the text as FlagEmbedding does: prompt and text are cut, decoded, joined with it and
        tokenised again, which may add a space, and so a token, behind a special token of the prompt.

        Returns:
            The features of n texts as tensors, and (n,) the number of tokens of each before it was cut.

        Raises:
            UserError: prompt, suffix and ends fill the window, so that nothing of a text would be seen.
        """
        limit = self.settings.max_tokens
        around = len(self.front) + len(self.end)
        start = len(self.front) + len(self._bare([prompt])[0]) if prompt else 0
        room = limit - around - len(self._bare([self.settings.suffix])[0])
        if start - len(self.front) >= room:
            raise UserError(
                f"the prompt {prompt!r} takes {start} of the {limit} tokens, which leaves nothing for a text; raise "
                "'max_tokens' of this embedder or shorten its prompt or the task's instruction."
            )
        whole = [prompt + text + self.literal_eos for text in texts]
        options = {"padding": True, "return_tensors": "pt", "return_token_type_ids": self._typed, "verbose": False}
        if self.settings.suffix:
            ids = self._bare(whole)
            cut = self.tokenizer.batch_decode([row[:room] for row in ids], clean_up_tokenization_spaces=False)
            found = self.tokenizer([text + self.settings.suffix for text in cut], truncation=False, **options)
            counts = np.array([len(row) + limit - room for row in ids], np.int64)
        else:
            found = self.tokenizer(whole, truncation=True, max_length=limit, **options)
            counts = found["attention_mask"].sum(1).numpy().astype(np.int64)
            full = np.flatnonzero(counts >= limit)
            if len(full):
                counts[full] = [len(row) + around for row in self._bare([whole[i] for i in full])]
        features = dict(found)
        if prompt:
            features["prompt_length"] = start
        return features, counts

    def ids(self, text: str) -> list[int]:
        """The token ids of one text without prompt."""
        features, _ = self.features([text], "")
        return [int(i) for i in features["input_ids"][0]]

    def facts(self) -> dict[str, Any]:
        """What stands around a text and where it is padded, for the card."""
        name = self.tokenizer.convert_ids_to_tokens
        end = [*name(list(self.end)), *([self.literal_eos] if self.literal_eos else [])]
        return {"front": name(list(self.front)), "end": end, "padding": self.tokenizer.padding_side}

    def check_ids(self, expected: dict[str, list[int]]) -> None:
        """Compare the ids of sentences with those that an entry says.

        Raises:
            UserError: they differ.
        """
        for sentence, ids in expected.items():
            if (found := self.ids(sentence)) != ids:
                raise UserError(
                    f"the tokenizer gives {found} for {sentence!r}, but 'expected_ids' of this embedder says {ids}. "
                    "Fetch the model again at its pinned revision; if you meant to change it, correct 'expected_ids'."
                )

    def _bare(self, texts: list[str]) -> list[list[int]]:
        found = self.tokenizer(texts, add_special_tokens=False, truncation=False, padding=False, verbose=False)
        return list(found["input_ids"])


def _padding_side(tokenizer: Any, flags: dict[str, Any], settings: Settings, last: bool) -> str:
    stated = flags.get("padding_side")
    side = settings.padding_side or (str(stated) if stated else "left" if last else str(tokenizer.padding_side))
    if last and side == "right":
        raise UserError(
            "short texts are padded on the right, but this model pools the last token; set 'padding_side: left' for "
            "this embedder."
        )
    return side


def _template(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text, found by tokenising one."""
    backend = tokenizer.backend_tokenizer
    steps = [] if backend.post_processor is None else json.loads(backend.post_processor.__getstate__())
    pieces = [step for step in _flat_steps(steps) if step.get("type") in TEMPLATES]
    if len(pieces) > 1:
        raise UserError(
            f"its post_processor is a template of {len(pieces)} pieces, of which only the first takes effect; make one "
            "of them in tokenizer.json (front, text, end), or take a revision that has one."
        )
    whole, bare = backend.encode(PROBE).ids, backend.encode(PROBE, add_special_tokens=False).ids
    special = {number for number, token in backend.get_added_tokens_decoder().items() if token.special}
    size = len(bare)
    places = [i for i in range(len(whole) - size + 1) if size and whole[i : i + size] == bare]
    if len(places) != 1 or not special.issuperset([*whole[: places[0]], *whole[places[0] + size :]]):
        raise UserError(
            f"it turns a text of the ids {bare} into {whole}, which is not special tokens, the text once, special "
            "tokens; correct the template (post_processor) in tokenizer.json, or take another revision."
        )
    front, end = whole[: places[0]], whole[places[0] + size :]
    for side, ids in (("before", front), ("after", end)):
        if len(set(ids)) < len(ids):
            names = " ".join(tokenizer.convert_ids_to_tokens(ids))
            raise UserError(
                f"it puts {names} {side} every text, one token doubled; remove one of them from the template "
                "(post_processor) in tokenizer.json, or take another revision."
            )
    return front, end


def _flat_steps(steps: Any) -> list[dict[str, Any]]:
    if isinstance(steps, dict):
        return [steps, *(inner for step in steps.get("processors", []) for inner in _flat_steps(step))]
    return []


def _wanted(
    tokenizer: Any, flags: dict[str, Any], settings: Settings, front: list[int], end: list[int]
) -> tuple[list[int], list[int]]:
    """Front and end by the tokenizer's own flags, then by the entry."""
    rebuilt = str(flags.get("tokenizer_class", "")).startswith(REBUILT)
    front = _by_flag(tokenizer, "bos", flags.get("add_bos_token"), rebuilt, front)
    end = _by_flag(tokenizer, "eos", flags.get("add_eos_token"), rebuilt, end)
    if not settings.append_eos:
        return front, end
    if tokenizer.eos_token_id is None:
        raise UserError("append_eos is set, but it has no end-of-sequence token; remove append_eos of this embedder.")
    if end not in ([], [tokenizer.eos_token_id]):
        names = " ".join(tokenizer.convert_ids_to_tokens(end))
        raise UserError(
            f"append_eos is set, but it ends texts with {names} already; remove append_eos of this embedder, or "
            "correct the template (post_processor) in tokenizer.json."
        )
    return front, [tokenizer.eos_token_id] if settings.keep_eos else []


def _by_flag(tokenizer: Any, kind: str, flag: Any, rebuilt: bool, found: list[int]) -> list[int]:
    """``found`` with the token that add_bos_token or add_eos_token asks for, or without the one it forbids."""
    number = getattr(tokenizer, f"{kind}_token_id")
    if number is None or not isinstance(flag, bool):
        return found
    if not flag:
        return [] if rebuilt and found == [number] else found
    if found and number not in found:
        names = " ".join(tokenizer.convert_ids_to_tokens(found))
        raise UserError(
            f"add_{kind}_token is set in tokenizer_config.json, but the template has {names} in its place; correct one "
            "of them."
        )
    return found or [number]


def _set_template(backend: Any, front: list[int], end: list[int]) -> None:
    from tokenizers.processors import TemplateProcessing

    names = {number: backend.id_to_token(number) for number in [*front, *end]}
    pieces = [*(names[number] for number in front), "$A", *(names[number] for number in end)]
    backend.post_processor = TemplateProcessing(
        single=pieces, special_tokens=[(name, number) for number, name in names.items()]
    )


def _restore(tokenizer: Any, path: Path, flags: dict[str, Any]) -> None:
    """Undo what transformers changed about the file, and let the case flags decide as both its versions do."""
    from tokenizers import Tokenizer
    from tokenizers.normalizers import BertNormalizer

    content = json.loads(path.read_text(encoding="utf-8"))
    small = {**content, "model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": []}
    backend = tokenizer.backend_tokenizer
    backend.post_processor = Tokenizer.from_str(json.dumps(small)).post_processor
    if isinstance(backend.normalizer, BertNormalizer):
        names = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
        for flag, name in names.items():
            if flag in flags:
                setattr(backend.normalizer, name, flags[flag])


def lower_case(tokenizer: Any) -> None:
    """Let a tokenizer lower-case first, as ``do_lower_case`` of a sentence-transformers model asks."""
    from tokenizers.normalizers import Lowercase, Sequence

    backend = tokenizer.backend_tokenizer
    steps = [] if backend.normalizer is None else [backend.normalizer]
    backend.normalizer = Sequence([Lowercase(), *steps])


def _first_part(folder: Path) -> str:
    path = folder / "modules.json"
    parts = _json(path) if path.is_file() else []
    return str(parts[0].get("path", "")) if parts else ""


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); fetch the model again.") from error
