"""CoreSet (Sener & Savarese 2018): k-centre greedy in feature space, from the labelled set."""

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.together import Block, Jointly


def select_all(block: Block) -> list[IntArray]:
    """Again and again the candidate farthest from its nearest labelled or picked row; of equal ones the earlier."""
    distances = block.stacked([query.distances.to(query.labelled) for query in block.queries])
    bounds = block.of_candidates(distances, -np.inf)
    return block.cut(block.rows.down(block.rows.farthest_first(bounds, block.order, block.size)))


select = Jointly(select_all)
ENTRY = strategy(select, uses_head=False)
