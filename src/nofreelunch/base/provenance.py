"""Which code computes a result, and with what: digests of syntax trees, releases, kernels of the processor."""

import ast
import hashlib
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = "nofreelunch"
ROOT = Path(__file__).parents[1]
# Their content changes no result: names of types, the words of errors, and what is said on the way.
WORDS = frozenset(
    f"nofreelunch.{name}" for name in ("base.arrays", "base.errors", "base.progress", "embedders.gpu_memory")
)
# What modules declare with it stands in keys as their entries' definitions.
DECLARING, DECLARED = "nofreelunch.selection.declare", "ENTRY"
# The packages that compute pools, runs and diagnostics.
COMPUTING = ("numpy", "scipy", "scikit-learn")


def code_digest(*modules: str) -> str:
    """SHA-256 (hex) over the syntax trees of ``modules`` and of all modules of this package they import.

    Docstrings, comments, declared entries and the modules in ``WORDS`` do not count. Imports inside functions do.
    """
    total = hashlib.sha256()
    for module in sorted(_closure(modules)):
        total.update(f"{module} {_tree_digest(module)}\n".encode())
    return total.hexdigest()


def releases(*packages: str) -> dict[str, str]:
    """Installed versions; a build for another device ('+cu128') counts as the same one."""
    return {name: metadata.version(name).partition("+")[0] for name in packages}


@cache
def environment() -> dict[str, str]:
    """What changes the last bits of a result beside code and arguments, for the memo's keys and a cluster's workers.

    ``blas`` and ``simd`` are the kernels in use, which OpenBLAS and NumPy choose for the processor. Where several kinds
    of processors are to give one result, ``OPENBLAS_CORETYPE`` and ``NPY_DISABLE_CPU_FEATURES`` choose them alike.

    Returns:
        The releases of ``COMPUTING``, and both kernels.
    """
    return releases(*COMPUTING) | {"blas": _blas(), "simd": _simd()}


def _blas() -> str:
    """Release and kernel of each BLAS that NumPy and SciPy have loaded; '' where it does not tell (Accelerate)."""
    import scipy.linalg  # noqa: F401 - loads its BLAS
    from threadpoolctl import threadpool_info

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    # Packages beside them bring libraries of their own, which are there or not as those have been imported.
    own = [library for library in found if _owners(library["filepath"]) & {"numpy", "scipy"}]
    said = ((library["internal_api"], library["version"], library.get("architecture")) for library in own or found)
    return ", ".join(sorted({" ".join(part for part in parts if part) for parts in said}))


def _owners(library: str) -> set[str]:
    """Names of the folders that hold a library, without what follows a dot: 'numpy' of '…/numpy.libs/….so'."""
    return {folder.partition(".")[0] for folder in Path(library).parts}


def _simd() -> str:
    """The instruction sets that NumPy's functions are compiled for and run with here."""
    from numpy.lib.introspect import opt_func_info

    signatures = (signature for function in opt_func_info().values() for signature in function.values())
    return " ".join(sorted({signature["current"] for signature in signatures}))


def definition(entry: Any) -> Any:
    """A registry's entry as a JSON value: a function by module and qualified name, a dataclass by all its fields that
    tell it from others."""
    if is_dataclass(entry) and not isinstance(entry, type):
        return {field.name: definition(getattr(entry, field.name)) for field in fields(entry) if field.compare}
    return f"{entry.__module__}:{entry.__qualname__}" if callable(entry) else entry


def defining_modules(entry: Any) -> list[str]:
    """The modules of this package that hold the functions of a registry's entry."""
    held = [getattr(entry, field.name) for field in fields(entry)] if is_dataclass(entry) else [entry]
    return sorted({value.__module__ for value in held if callable(value) and _is_ours(value.__module__)})


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
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _declares(node)]
    return tree


def _declares(node: ast.stmt) -> bool:
    """Whether a statement of a module declares an entry of a registry, or imports what does."""
    if isinstance(node, ast.ImportFrom):
        return node.module == DECLARING
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == DECLARED for target in node.targets
    )


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
