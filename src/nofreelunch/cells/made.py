"""What pieces of a cell's work leave behind: entries of the memo, whatever goes wrong with others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Entry
from nofreelunch.space.held_rows import memory_told

Item = TypeVar("Item")
# So many faults are told; the others are counted.
TOLD = 5


@dataclass(frozen=True)
class Made:
    """What a piece of work made.

    Attributes:
        entries: of the memo, by key.
        faults: what went wrong with what is not among them.
    """

    entries: Mapping[str, Entry]
    faults: tuple[str, ...] = ()


def make(compute: Callable[[Sequence[Item]], Mapping[str, Entry]], items: Sequence[Item]) -> Made:
    """The entries of all ``items``, computed together; where one is at fault, or a device's memory does not suffice for
    all of them, each alone, to keep the others."""
    try:
        with memory_told():
            return Made(compute(items))
    except UserError as error:
        if len(items) == 1:
            return Made({}, (str(error),))
    alone = [make(compute, [item]) for item in items]
    entries = {key: entry for made in alone for key, entry in made.entries.items()}
    return Made(entries, tuple(fault for made in alone for fault in made.faults))


def refuse(faults: Sequence[str], what: str) -> None:
    """Stop where there are ``faults``, once all else is done.

    Raises:
        UserError: there are; says the first of them.
    """
    told = list(dict.fromkeys(faults))
    if told:
        more = f"\n… and {len(told) - TOLD} more" if len(told) > TOLD else ""
        raise UserError("\n".join(told[:TOLD]) + f"{more}\nAll other {what} are kept.")


@contextmanager
def named(who: str) -> Iterator[None]:
    """Put ``who`` before the message of any `UserError`."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{who}: {error}") from error
