"""`TextTokens.features` at the speed of the tokenizer's own threads: no lists of padded lists between it and NumPy."""

from itertools import chain
from typing import Any

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.embedders.text_tokens import PROBE, TextTokens


def features(tokens: TextTokens, texts: list[str], prompt: str) -> tuple[dict[str, Any], IntArray]:
    """The same as ``tokens.features(texts, prompt)``, which is what runs where a suffix or token types ask for more.

    Every text is tokenised once and whole, and cut here; that puts ``front`` and ``end`` around what is left of it.
    """
    import torch

    # Says what is wrong with a prompt, and how long it is.
    small, _ = tokens.features([PROBE], prompt)
    if tokens.settings.suffix or "token_type_ids" in small:
        return tokens.features(texts, prompt)
    tokenizer, limit = tokens.tokenizer, tokens.settings.max_tokens
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    found = backend.encode_batch_fast([prompt + text + tokens.literal_eos for text in texts], add_special_tokens=False)
    around = len(tokens.front) + len(tokens.end)
    room = slice(-(limit - around), None) if tokenizer.truncation_side == "left" else slice(limit - around)
    rows = [[*tokens.front, *one.ids[room], *tokens.end] for one in found]
    lengths = np.array([len(row) for row in rows], np.int64)
    ids, mask = padded(rows, lengths, tokenizer.pad_token_id, left=tokenizer.padding_side == "left")
    made = {name: value for name, value in small.items() if not isinstance(value, torch.Tensor)}
    made |= {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    return made, np.array([len(one.ids) + around for one in found], np.int64)


def padded(rows: list[list[int]], lengths: IntArray, pad: int, *, left: bool) -> tuple[IntArray, IntArray]:
    """(n, longest) ids of ``rows``, of so many ``lengths``, filled up with ``pad``, and 1 where an id is one's own."""
    longest = int(lengths.max(initial=0))
    places = np.arange(longest)
    own = places >= longest - lengths[:, None] if left else places < lengths[:, None]
    ids = np.full(own.shape, pad, np.int64)
    ids[own] = np.fromiter(chain.from_iterable(rows), np.int64, int(lengths.sum()))
    return ids, own.astype(np.int64)
