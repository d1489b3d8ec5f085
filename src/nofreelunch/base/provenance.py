"""Which code computes a result: a digest of syntax trees, so that comments and layout change nothing."""

import ast
import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "nofreelunch"
ROOT = Path(__file__).parents[1]
# Their content changes no result: the words of errors, and what is said on the way.
WORDS = frozenset({"nofreelunch.base.errors", "nofreelunch.base.progress"})


def code_digest(*modules: str) -> str:
    """SHA-256 (hex) over the syntax trees of ``modules`` and of all modules of this package they import.

    Docstrings, comments and the modules in ``WORDS`` do not count. Imports inside functions do.
    """
    total = hashlib.sha256()
    for module in sorted(_closure(modules)):
        total.update(f"{module} {_tree_digest(module)}\n".encode())
    return total.hexdigest()


def releases(*packages: str) -> dict[str, str]:
    """Installed versions; a build for another device ('+cu128') counts as the same one."""
    return {name: metadata.version(name).partition("+")[0] for name in packages}


def _closure(modules: tuple[str, ...]) -> set[str]:
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen and module not in WORDS:
            seen.add(module)
            waiting.extend(_imports(module))
    return seen


def _file(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _parse(module: str) -> ast.Module:
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(module)
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _tree_digest(module: str) -> str:
    tree = _parse(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _imports(module: str) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(_parse(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module) and not node.level:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if _file(submodule) else node.module)
    return frozenset(found)


def _is_ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")
