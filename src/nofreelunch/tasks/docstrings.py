"""Docstrings of installed packages, found through their installed file lists and read with ``ast``, never imported."""

import ast
import gc
import inspect
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from nofreelunch.base.errors import UserError

SKIPPED_FOLDERS = frozenset({"test", "tests", "testing", "_vendor", "vendored", "_vendored", "externals", "extern"})

# Titles as numpydoc and Google style write them, lower-case, to the one name used here.
TITLES = {
    "parameters": "parameters", "args": "parameters", "arguments": "parameters", "other parameters": "parameters",
    "keyword args": "parameters", "keyword arguments": "parameters",
    "returns": "returns", "return": "returns", "yields": "returns",
    "raises": "raises", "attributes": "attributes", "notes": "notes", "note": "notes",
    "warnings": "warnings", "warning": "warnings", "warns": "warns", "see also": "see also", "seealso": "see also",
    "references": "references", "examples": "examples", "example": "examples", "methods": "methods",
    "explanation": "prose", "description": "prose", "receives": "receives", "shape": "shape", "inputs": "inputs",
    "outputs": "outputs", "usage": "usage", "algorithm": "algorithm",
}  # fmt: skip
UNDERLINE = re.compile(r"\s*([-=~^])\1{2,}\s*")
GOOGLE_TITLE = re.compile(r"([A-Z][A-Za-z]+(?: [A-Za-z]+)?)\s*:{1,2}")
DIRECTIVE = re.compile(r"\.\.\s+([\w-]+)::.*")
NUMPY_ENTRY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)(?:\s*:.*)?")
GOOGLE_ENTRY = re.compile(r"[-*]?\s*[`*]*(\w+)[`*]*\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*(?::|--)(?:\s+(.*))?")
BULLET = re.compile(r"[-*+•]\s|\d+[.)]\s|\(?[a-z\d]\)|\.\.\s|>>>|:(?![\w:+-]+:`)|[|#=@]")


@dataclass(frozen=True)
class Documented:
    """Something with a docstring.

    Attributes:
        library: the distribution it belongs to, e.g. ``scikit-learn``.
        module: its module's dotted name.
        name: its qualified name in the module, empty for the module itself.
        kind: what it is.
        doc: the docstring, dedented.
    """

    library: str
    module: str
    name: str
    kind: Literal["module", "class", "function", "method"]
    doc: str


@dataclass(frozen=True)
class Section:
    """A part of a docstring: ``title`` is a value of ``TITLES``, ``prose`` for the text before any title."""

    title: str
    body: str


@cache
def distribution(name: str) -> metadata.Distribution:
    """The installed distribution ``name``.

    Raises:
        UserError: it is not installed, or without a list of its files.
    """
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise UserError(
            f"the built-in tasks read the docstrings of the package '{name}', which is not installed. "
            "Run 'pip install -r requirements.txt'."
        ) from error
    if not found.files:
        raise UserError(
            f"the package '{name}' is installed without a list of its files. "
            f"Run 'pip install --force-reinstall -r requirements.txt'."
        )
    return found


def documented(name: str, package: str, skip: tuple[str, ...] = ()) -> list[Documented]:
    """All public documented things in ``package`` of the distribution ``name``, by module and position.

    Args:
        name: the distribution.
        package: the top-level package.
        skip: what the dotted names of modules to leave unread start with.

    Raises:
        UserError: the distribution is not installed, or a file of it cannot be read.
    """
    modules = {}
    for file in distribution(name).files or ():
        if file.suffix == ".py" and file.parts[0] == package and SKIPPED_FOLDERS.isdisjoint(file.parts):
            parts = file.with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if not module.startswith(skip) and not parts[-1].startswith(("test_", "conftest")):
                modules[module] = file
    things: list[Documented] = []
    for module, file in sorted(modules.items()):
        try:
            with _no_collection(), warnings.catch_warnings(action="ignore"):
                found = list(_walk(ast.parse(Path(file.locate()).read_bytes())))
        except (OSError, SyntaxError, ValueError) as error:
            raise UserError(
                f"cannot read {file} of the package '{name}' ({error}). "
                "Run 'pip install --force-reinstall -r requirements.txt'."
            ) from error
        things.extend(Documented(name, module, *thing) for thing in found)
    return things


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without garbage collection: syntax trees have many nodes and no cycles, so that it only costs time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _walk(
    node: ast.Module | ast.ClassDef, prefix: str = ""
) -> Iterator[tuple[str, Literal["module", "class", "function", "method"], str]]:
    if isinstance(node, ast.Module) and (doc := ast.get_docstring(node)):
        yield "", "module", doc
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and child.name[0] != "_":
            name = f"{prefix}{child.name}"
            if doc := ast.get_docstring(child):
                inner: Literal["function", "method"] = "method" if prefix else "function"
                yield name, "class" if isinstance(child, ast.ClassDef) else inner, doc
            if isinstance(child, ast.ClassDef):
                yield from _walk(child, f"{name}.")


def sections(doc: str) -> list[Section]:
    """Split a dedented docstring at its numpydoc titles, Google titles and admonitions, in order of appearance."""
    found: list[Section] = []
    lines = doc.splitlines()
    title, at = "prose", 0
    body: list[str] = []

    def close() -> None:
        text = inspect.cleandoc("\n" + "\n".join(body))
        if text.strip():
            found.append(Section(title, text))

    while at < len(lines):
        line = lines[at]
        directive = DIRECTIVE.fullmatch(line.strip())
        google = GOOGLE_TITLE.fullmatch(line)
        if at + 1 < len(lines) and line.strip() and UNDERLINE.fullmatch(lines[at + 1]):
            close()
            title, body = TITLES.get(line.strip().lower().rstrip(":"), "other"), []
            at += 2
        elif directive:
            end = _block_end(lines, at)
            name = TITLES.get(directive[1].lower(), "")
            inner = inspect.cleandoc("\n" + "\n".join(lines[at + 1 : end]))
            if name in ("notes", "warnings") and inner:
                found.append(Section(name, inner))
            body.append("")
            at = end
        elif google and google[1].lower() in TITLES:
            close()
            end = _block_end(lines, at)
            title, body = TITLES[google[1].lower()], lines[at + 1 : end]
            close()
            title, body, at = "prose", [], end
        else:
            body.append(line)
            at += 1
    close()
    return found


def _block_end(lines: list[str], start: int) -> int:
    """The first line after ``start`` that is neither blank nor indented deeper than it."""
    indent = _indent(lines[start])
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > indent):
        end += 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def paragraphs(body: str) -> list[str]:
    """The running text of a section, one string per paragraph; code, lists, tables and doctests are left out."""
    kept = []
    for block in re.split(r"\n\s*\n", body):
        lines = block.splitlines()
        lines = lines[next((i for i, line in enumerate(lines) if line.strip()), 0) :]
        if not lines or any(_indent(line) for line in lines):
            continue
        if any(BULLET.match(line) for line in lines) or re.search(r"[-=]{3}|```", block):
            continue
        kept.append(" ".join(" ".join(lines).split()))
    return kept


def entries(body: str) -> list[tuple[str, str]]:
    """The (name, description) pairs of a numpydoc or Google list of parameters, descriptions' first paragraph only."""
    found: list[tuple[str, str]] = []
    lines = body.splitlines()
    at = 0
    while at < len(lines):
        end = _block_end(lines, at)
        head = lines[at].strip()
        inner = inspect.cleandoc("\n" + "\n".join(lines[at + 1 : end]))
        google = GOOGLE_ENTRY.fullmatch(head)
        if google and not re.search(r"\s:\s", head):
            text = f"{google[2] or ''}\n{inner}" if end > at + 1 and lines[at + 1].strip() else google[2] or ""
            found.extend((google[1], first) for first in paragraphs(text.strip())[:1])
        elif NUMPY_ENTRY.fullmatch(head):
            name = head.split(":")[0].strip(" *")
            found.extend((name, text) for text in paragraphs(inner)[:1])
        at = end
    return found
