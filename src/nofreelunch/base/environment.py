"""Settings from the environment: how the work is done, never what comes out."""

import os

from nofreelunch.base.errors import UserError


def whole_number(name: str, default: int) -> int:
    """The variable ``name``, at least 1; ``default`` where it is not set.

    Raises:
        UserError: it is no positive whole number.
    """
    wanted = os.environ.get(name)
    if wanted is None:
        return default
    if not wanted.isdecimal() or int(wanted) < 1:
        raise UserError(f"{name} must be a whole number of at least 1, not '{wanted}'.")
    return int(wanted)
