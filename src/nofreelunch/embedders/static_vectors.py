"""Static word vectors: the mean of a table of token vectors over a text's tokens, without running a model.

The table is that of a model's input embeddings, or all that the model is.
"""

from pathlib import Path

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.base.errors import UserError

TABLES = ("word_embeddings.weight", "embed_tokens.weight", "wte.weight", "tok_embeddings.weight", "shared.weight")
# The name that sentence-transformers' StaticEmbedding and WordLlama give to a model that is nothing but a table.
WHOLE_MODEL = "embedding.weight"


class StaticVectors:
    """Turns texts into means of word vectors; a text without tokens is zero.

    No special tokens are put around a text. Those that a text spells out are left out, unless the table is the whole
    model, whose authors' code counts them like any other.

    Args:
        folder: the model's folder.
        files: its safetensors files.
        max_tokens: texts are cut after as many tokens as the model itself would see.
        dim: only the first so many dimensions; None for all.

    Raises:
        UserError: there is no tokenizer, no table or more than one, or it has fewer dimensions.
    """

    def __init__(self, folder: Path, files: list[Path], max_tokens: int, dim: int | None = None) -> None:
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        if not path.is_file():
            raise UserError(f"static word vectors need {path.name}, which {folder} does not have; set static: false.")
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        name, table = word_vectors(files)
        whole = name == WHOLE_MODEL
        added = {} if whole else self.tokenizer.get_added_tokens_decoder()
        self.special = np.array([number for number, token in added.items() if token.special], dtype=np.int64)
        self.wrapping = 0 if whole else self.tokenizer.num_special_tokens_to_add(False)
        self.longest = max(1, max_tokens - self.wrapping)
        if dim is not None and dim > table.shape[1]:
            raise UserError(f"truncate_dim is {dim}, but {folder} gives {table.shape[1]} dimensions.")
        self.table = np.ascontiguousarray(table[:, :dim])

    def encode(self, texts: list[str]) -> tuple[FloatArray, IntArray]:
        """(n, d) vectors, and the number of tokens of each text before it was cut."""
        from scipy.sparse import csr_array

        ids = [
            np.array(item.ids, dtype=np.int64) for item in self.tokenizer.encode_batch(texts, add_special_tokens=False)
        ]
        tokens = np.array([len(row) + self.wrapping for row in ids], dtype=np.int64)
        kept = [row[: self.longest] for row in ids]
        kept = [row[~np.isin(row, self.special)] for row in kept]
        lengths = np.array([len(row) for row in kept], dtype=np.int64)
        counts = csr_array(
            (np.ones(lengths.sum(), np.float32), np.concatenate(kept), np.concatenate([[0], np.cumsum(lengths)])),
            shape=(len(texts), len(self.table)),
        )
        return (counts @ self.table) / np.maximum(lengths, 1).astype(np.float32)[:, None], tokens


def word_vectors(files: list[Path]) -> tuple[str, FloatArray]:
    """Read only the table of token vectors from safetensors files: its name, and (vocabulary, d) as float32.

    Raises:
        UserError: none, or more than one, tensor is named like one.
    """
    from safetensors import safe_open

    found: list[tuple[Path, str, str]] = []
    for path in files:
        with safe_open(path, framework="numpy") as handle:
            names = [name for name in handle.keys() if name == WHOLE_MODEL or name.endswith(TABLES)]  # noqa: SIM118 - no mapping
            found += [(path, name, handle.get_slice(name).get_dtype()) for name in names]
    if len(found) != 1:
        raise UserError(
            f"static word vectors need one tensor named {WHOLE_MODEL} or like {', '.join(TABLES)}; {files[0].parent} "
            f"has {len(found)}: {', '.join(name for _, name, _ in found) or '(none)'}. Set static: false."
        )
    path, name, dtype = found[0]
    # NumPy has no bfloat16; torch widens it without loss.
    widened = dtype == "BF16"
    with safe_open(path, framework="pt" if widened else "numpy") as handle:
        table = handle.get_tensor(name)
        return name, table.float().numpy() if widened else table.astype(np.float32)
