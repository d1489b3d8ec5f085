"""Kinds of heads, one file each. A new one is one file, whose last line declares it."""

from nofreelunch.base.found import entries
from nofreelunch.heads.section import Kind

KINDS: dict[str, Kind] = entries(__name__, __path__)
