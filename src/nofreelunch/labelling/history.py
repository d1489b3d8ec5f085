"""In which batch each text was labelled: a small file beside the user's own, safe to delete.

Without it nothing is lost but the learning curve's past: all that is labelled counts as one first batch.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nofreelunch.base import storage
from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError


@dataclass(frozen=True)
class History:
    """What earlier calls saw.

    Attributes:
        batches: keys (`key_of`) of the texts that each batch added.
        written: SHA-256 (hex) of the list of texts that was handed out last; "" for none.
    """

    batches: list[list[str]] = field(default_factory=list)
    written: str = ""


def key_of(text: str) -> str:
    """A short key of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def read_history(path: Path) -> History:
    """What `write_history` wrote; nothing where there is no such file.

    Raises:
        UserError: the file is something else, and would be overwritten.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        batches = [[str(key) for key in batch] for batch in found["batches"]]
        return History(batches, str(found["written"]))
    except FileNotFoundError:
        return History()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no history of ours. Move it away; without one nothing is lost.") from error


def write_history(path: Path, history: History) -> None:
    """Write it whole or not at all."""
    storage.write_json(path, {"batches": history.batches, "written": history.written})


def batches_of(texts: Sequence[str], labels: IntArray, history: History) -> tuple[IntArray, list[str]]:
    """(n,) int64 the batch of each labelled text, −1 for the others; and the keys of those that are new.

    Args:
        texts: n texts.
        labels: (n,) ≥ 0 for labelled ones.
        history: of earlier calls; texts that it does not know are the next batch.
    """
    known = {key: number for number, batch in enumerate(history.batches) for key in batch}
    batch, new = np.full(len(texts), -1), []
    for row in np.flatnonzero(labels >= 0).tolist():
        key = key_of(texts[row])
        if key not in known:
            new.append(key)
        batch[row] = known.get(key, len(history.batches))
    return batch, new
