"""How much memory a block of work may take. The environment's choice: it changes no result."""

import os

from nofreelunch.errors import UserError

DEFAULT_MIB = 64


def block_bytes() -> int:
    """Bytes for the temporaries of one step, in each worker: ``$NOFREELUNCH_BLOCK_MIB`` MiB, 64 by default.

    Raises:
        UserError: the variable is no positive whole number.
    """
    wanted = os.environ.get("NOFREELUNCH_BLOCK_MIB", str(DEFAULT_MIB))
    if not wanted.isdecimal() or int(wanted) < 1:
        raise UserError(f"NOFREELUNCH_BLOCK_MIB must be a whole number of MiB of at least 1, not '{wanted}'.")
    return int(wanted) * 2**20
