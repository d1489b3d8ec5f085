"""Entropy (Settles 2009): the highest predictive entropy."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.together import Block, Jointly

LEAST = float(np.finfo(np.float32).tiny)


def select_all(block: Block) -> list[IntArray]:
    """The candidates with the highest −Σ p log p, descending."""
    xp, columns = block.rows.xp, block.columns
    negative_entropy = xp.zeros_like(columns[0])
    for p in columns:
        negative_entropy += p * xp.log(xp.clip(p, LEAST, None))
    return block.lowest(negative_entropy)


select = Jointly(select_all)
ENTRY = strategy(select)
