"""Registries of what the modules of a package declare."""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

ENTRY = "ENTRY"


def entries(package: str, path: Iterable[str]) -> dict[str, Any]:
    """The `ENTRY` of each module of ``package``, in the folders ``path``, that has one, by the module's name."""
    modules = {one.name: import_module(f"{package}.{one.name}") for one in iter_modules(path)}
    return {name: getattr(module, ENTRY) for name, module in sorted(modules.items()) if hasattr(module, ENTRY)}
