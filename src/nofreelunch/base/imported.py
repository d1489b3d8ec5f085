"""What code from outside imports of its own: modules of its package, and files beside it."""

import ast
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from nofreelunch.base.errors import UserError


def sources(module: ModuleType, distributions: Sequence[metadata.Distribution]) -> list[Path]:
    """The files that say what a module does: its own, and where none of the ``distributions`` has that among its files
    (a package in a folder, or one installed as editable), those of its package that it imports."""
    file = Path(str(getattr(module, "__file__", None)))
    if not file.is_file():
        return []
    recorded = {Path(str(one.locate())) for found in distributions for one in found.files or ()}
    return [file] if file in recorded else sorted(_closure(module.__name__, file))


def _closure(name: str, file: Path) -> set[Path]:
    """``file``, the module ``name``, and the modules of its package that it imports, however indirectly."""
    package = name.partition(".")[0]
    seen: set[Path] = set()
    waiting = [(name, file)]
    while waiting:
        module, path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.suffix != ".py":
            continue
        folder = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for imported in _imports(path.read_text(encoding="utf-8"), folder):
            parts = imported.split(".")
            if parts[0] == package:
                # All above it are run as it is imported.
                names = (".".join(parts[: count + 1]) for count in range(len(parts)))
                waiting += [(one, origin) for one in names if (origin := _origin(one)) is not None]
    return seen


def _origin(name: str) -> Path | None:
    """The file of a module; None where there is no such module, as where a function is imported."""
    try:
        found = find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(found.origin) if found is not None and found.has_location and found.origin else None


def _imports(text: str, package: str) -> set[str]:
    """What a module of ``package`` imports, at its top or within a function, and what may be a module of it; relative
    names begin with their dots where there is no package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level and package:
                above = package.split(".")
                start = ".".join([*above[: len(above) + 1 - node.level], *filter(None, [start])])
            elif node.level:
                start = "." * node.level + start
            within = start if start.endswith(".") else f"{start}."
            found.update({start, *(f"{within}{alias.name}" for alias in node.names)} - {"." * node.level})
    return found


def refuse_siblings(where: str, folder: Path, text: str) -> None:
    """A file from ``folder`` is watched and travels alone, so its ``text`` may import nothing that lies beside it.

    Raises:
        UserError: it does.
    """
    try:
        imported = sorted(_imports(text, ""))
    except (SyntaxError, ValueError):
        # Said where the file is loaded.
        return
    for name in imported:
        top = name.partition(".")[0]
        beside = not top or (folder / f"{top}.py").exists() or (folder / top).exists()
        if beside and (not top or _lies_in(top, folder)):
            raise UserError(
                f"'{where}' imports '{name}', which lies beside it: a change there would go unnoticed, and it is not "
                "taken along to other processes and machines. Put both into one file, or into a package of which you "
                "name package.module:name."
            )


def _lies_in(module: str, folder: Path) -> bool:
    """Whether ``module`` is imported from ``folder``, or is found nowhere else."""
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        return False
    if found is None:
        return True
    places = [found.origin] if found.has_location else list(found.submodule_search_locations or ())
    return any(place is not None and folder.resolve() in Path(place).resolve().parents for place in places)
