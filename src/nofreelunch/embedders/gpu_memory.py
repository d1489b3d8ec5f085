"""What is said where a GPU's memory does not suffice. It changes no vector (`provenance.WORDS`)."""

from pathlib import Path

import numpy as np

from nofreelunch.base.errors import UserError
from nofreelunch.embedders.model_files import weight_files
from nofreelunch.space.held_rows import GIB, free_bytes


def free(device: str) -> int:
    """Bytes that are free on a GPU; 0 on the CPU."""
    import torch

    return free_bytes(torch.device(device)) or 0


def text_too_long(tokens: int, found: int, room: int, device: str, folder: Path) -> UserError:
    """What to raise where a text of so many ``tokens`` does not fit beside the model; one of ``found`` does (0: none),
    with ``room`` bytes."""
    cure = f"one of {found:,} does: set 'max_tokens: {found}' for this embedder" if found else "no shorter one does"
    return UserError(
        f"a text of {tokens:,} tokens does not fit into the {room / GIB:.1f} GiB that {device} has free beside "
        f"{folder}; {cure}, or 'dtype: bfloat16', or use a larger GPU."
    )


def what_fits(folder: Path, dtype: str, room: int) -> str:
    """How much memory the weights in ``folder`` take, and how many would fit into ``room`` bytes."""
    weights = weight_count(folder)
    width = 4 if dtype == "float32" else 2
    return (
        f"Its {weights / 1e9:.2f} billion weights take {weights * width / GIB:.1f} GiB in {dtype}, "
        f"{weights * 2 / GIB:.1f} in bfloat16; {room / GIB:.1f} GiB are free, enough for {room / width / 1e9:.2f} "
        f"billion in {dtype}, {room / 2 / 1e9:.2f} in bfloat16, with nothing left for texts."
    )


def weight_count(folder: Path) -> int:
    """The numbers in a model's weight files."""
    from safetensors import safe_open

    total = 0
    for path in weight_files(folder):
        with safe_open(path, framework="np") as handle:
            names = list(handle.keys())
            total += sum(int(np.prod(handle.get_slice(name).get_shape())) for name in names)
    return total
