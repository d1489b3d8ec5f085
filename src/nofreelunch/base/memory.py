"""How much memory the scores of many heads may take at once. The environment's choice: it changes no result."""

from nofreelunch.base.environment import whole_number


def scores_bytes(default: int) -> int:
    """``$NOFREELUNCH_SCORES_MIB`` MiB in each worker, else ``default``; one head at a time where even one needs more.

    All other temporaries have a fixed bound (`rows.BLOCK_BYTES`), as BLAS rounds differently for other shapes.

    Raises:
        UserError: the variable is no positive whole number.
    """
    return whole_number("NOFREELUNCH_SCORES_MIB", default) * 2**20
