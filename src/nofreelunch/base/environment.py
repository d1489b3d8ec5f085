"""Settings from the environment: how the work is done, never what comes out."""

import os
from pathlib import Path

from nofreelunch.base.errors import UserError


def setting(name: str) -> str | None:
    """The variable ``name``; None where it is not set or empty, as an unset one arrives from a compose file or CI."""
    return os.environ.get(name) or None


def folder(name: str) -> Path | None:
    """The folder or file that the variable ``name`` names, ``~`` meaning one's home; None where it names none."""
    said = setting(name)
    return None if said is None else Path(said).expanduser()


def whole_number(name: str, default: int) -> int:
    """The variable ``name``, at least 1; ``default`` where it is not set or empty.

    Raises:
        UserError: it is no positive whole number.
    """
    wanted = setting(name)
    if wanted is None:
        return default
    if not wanted.isdecimal() or int(wanted) < 1:
        raise UserError(f"{name} must be a whole number of at least 1, not '{wanted}'.")
    return int(wanted)
