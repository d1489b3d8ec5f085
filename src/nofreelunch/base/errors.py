"""The one exception a user is meant to read."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can mend: bad parameters, missing files, bad data. The message says how."""


def unknown(kind: str, name: str, legal: Iterable[str]) -> str:
    """One line for an unknown ``name``: the legal values and, where there is one, the nearest match."""
    names = sorted(legal)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'.{hint} Legal values: {', '.join(names) or '(none)'}."
