"""How much memory the scores of many heads may take at once. The environment's choice: it changes no result."""

import os

from nofreelunch.errors import UserError


def scores_bytes() -> int:
    """``$NOFREELUNCH_SCORES_MIB`` MiB in each worker, 64 by default; one head at a time where even one needs more.

    All other temporaries have a fixed bound (`geometry.BLOCK_BYTES`), as BLAS rounds differently for other shapes.

    Raises:
        UserError: the variable is no positive whole number.
    """
    wanted = os.environ.get("NOFREELUNCH_SCORES_MIB", "64")
    if not wanted.isdecimal() or int(wanted) < 1:
        raise UserError(f"NOFREELUNCH_SCORES_MIB must be a whole number of at least 1, not '{wanted}'.")
    return int(wanted) * 2**20
