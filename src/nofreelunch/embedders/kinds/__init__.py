"""Kinds of embedders, one file each. A new one is one file, whose last line declares it."""

from nofreelunch.base.found import entries
from nofreelunch.embedders.section import Section

KINDS: dict[str, type[Section]] = entries(__name__, __path__)
