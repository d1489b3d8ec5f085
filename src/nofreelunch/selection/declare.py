"""How a strategy or a pool selection declares itself: ``ENTRY = …`` beside its function, which the registry finds.

What is declared stands in every key as the entry's definition; so these lines, and their import, are left out of the
digests of code (`provenance.DECLARING`).
"""

from nofreelunch.selection.coverage import prepare as prepare_coverage
from nofreelunch.selection.query import PoolSelection
from nofreelunch.selection.query import Strategy as strategy  # noqa: N813 - reads as a call of what is declared

__all__ = ["pool", "prepare_coverage", "strategy"]


def pool(select: PoolSelection) -> PoolSelection:
    """The entry of a pool selection: its function."""
    return select
