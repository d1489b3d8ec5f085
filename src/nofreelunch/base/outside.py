"""Code from outside this package that params.yaml names: a Python file, or an object of an installed package.

It is code that the user chose to run. Only what is named is imported; its digest stands in the keys of all that it
computes. A file travels as text, so that worker processes and other machines need not have it.
"""

import hashlib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.imported import refuse_siblings, sources

PREFIX = "nofreelunch_outside_"
# What code from outside may raise; one that ends the process would do so without a word.
FAULTS = (Exception, SystemExit)


@dataclass(frozen=True)
class Outside:
    """An object of code from outside.

    Attributes:
        where: as params.yaml names it; another path to the same text is the same code.
        name: of the object in its module.
        module: the module's import path; for a file, a name made of its digest.
        digest: SHA-256 (hex) of the module's text and, for a package, its release; where no release stands for the rest
            of the package, of all its modules that the module imports, too.
        text: of a file; None where the module is installed.
    """

    where: str = field(compare=False)
    name: str
    module: str
    digest: str
    text: str | None = field(default=None, compare=False)

    def load(self) -> Any:
        """The object itself, imported at the first call of a process.

        Raises:
            UserError: it cannot be imported, or the module has no such object.
        """
        module = self._module()
        if not hasattr(module, self.name):
            public = [name for name in vars(module) if not name.startswith("_")]
            raise UserError(f"'{self.where}': {unknown('name of the module', self.name, public)}")
        return getattr(module, self.name)

    def function(self, found: Any) -> Callable[..., Any]:
        """``found``, which the object is or holds, as a function.

        Raises:
            UserError: it is none.
        """
        if not callable(found):
            raise UserError(f"'{self.where}' is a {type(found).__name__}, no function (see docs/extend.md).")
        return found  # type: ignore[no-any-return]

    @property
    def files(self) -> list[Path]:
        """The files that change when it does: a file itself; of a package the module, and where its release stands."""
        if self.text is not None:
            return [Path(self.where.partition(":")[0]).expanduser()]
        found = sources(self._module(), _distributions(self.module))
        for distribution in _distributions(self.module):
            found += [Path(str(file.locate())) for file in distribution.files or () if file.name == "METADATA"]
        return [path for path in found if path.is_file()]

    @property
    def releases(self) -> dict[str, str]:
        """The installed packages that the module belongs to."""
        return {} if self.text is not None else _releases(self.module)

    def _module(self) -> ModuleType:
        if self.module in sys.modules:
            return sys.modules[self.module]
        with _explained(self.where):
            if self.text is None:
                return importlib.import_module(self.module)
            loader = _Text(self.text, self.where)
            module = module_from_spec(ModuleSpec(self.module, loader, origin=loader.file))
            sys.modules[self.module] = module
            try:
                loader.exec_module(module)
            except BaseException:
                del sys.modules[self.module]
                raise
            return module


def find(where: str, default: str = "select") -> Outside:
    """What ``where`` names: ``path/to/file.py``, ``path/to/file.py:name`` or ``package.module:name``.

    Args:
        where: relative paths start at the folder of params.yaml, which every command runs in.
        default: the name of the object where none is given.

    Raises:
        UserError: there is no such file or module, or it cannot be read.
    """
    place, _, name = where.partition(":")
    name = name or default
    if place.endswith(".py"):
        try:
            text = Path(place).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"'{where}' cannot be read: {reason}. Name a Python file or package.module:name."
            ) from error
        refuse_siblings(where, Path(place).expanduser().parent, text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Outside(where, name, f"{PREFIX}{digest[:24]}", digest, text)
    with _explained(where):
        module = importlib.import_module(place)
    return Outside(where, name, place, _package_digest(module, place))


def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a function from outside returns.

    Raises:
        UserError: it raises anything; in one line that names the place.
    """
    try:
        return function(*arguments, **options)
    except UserError:
        raise
    except FAULTS as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        hint = "; arrays of a request are shared: copy them" if "read-only" in str(error) else ""
        raise UserError(
            f"it raises {type(error).__name__}: {error} ({last.filename}, line {last.lineno}{hint})"
        ) from error


def installed(group: str, name: str) -> str | None:
    """What an installed package offers as ``name`` in a group of entry points, as `find` takes it; nothing is imported.

    Raises:
        UserError: several packages offer it.
    """
    found = metadata.entry_points(group=group, name=name)
    values = sorted({point.value for point in found})
    if len(values) > 1:
        raise UserError(f"'{name}' is offered by {' and '.join(values)}; name one of them with 'from:'.")
    return values[0] if values else None


def offered_names(group: str) -> list[str]:
    """What installed packages offer in a group of entry points."""
    return sorted({point.name for point in metadata.entry_points(group=group)})


def _distributions(module: str) -> list[metadata.Distribution]:
    names = metadata.packages_distributions().get(module.partition(".")[0], [])
    return [metadata.distribution(name) for name in sorted(set(names))]


def _releases(module: str) -> dict[str, str]:
    return {distribution.name: distribution.version for distribution in _distributions(module)}


def _package_digest(module: ModuleType, place: str) -> str:
    total = hashlib.sha256(place.encode())
    for name, version in _releases(place).items():
        total.update(f"{name} {version}\n".encode())
    for file in sources(module, _distributions(place)):
        total.update(file.read_bytes())
    return total.hexdigest()


class _Text(SourceLoader):
    """Runs a module from its text; tracebacks name the user's file."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.file = text, where.partition(":")[0]

    def get_filename(self, fullname: str) -> str:
        return self.file

    def get_data(self, path: str | bytes) -> bytes:
        if path != self.file:
            raise OSError("there is no compiled form of it")
        return self.text.encode()


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Any fault of foreign code as it is imported, as one message."""
    try:
        yield
    except UserError:
        raise
    except FAULTS as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UserError(
            f"'{where}' cannot be imported: {type(error).__name__}: {error}{line}. It must be a Python file or "
            "'package.module:name' of an installed package."
        ) from error
