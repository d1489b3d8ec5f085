"""What every command line of the project has in common: --help, checked parameters, and errors a person can act on."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from io import StringIO, TextIOWrapper
from pathlib import Path

from nofreelunch import params
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.progress import QUIET, quiet
from nofreelunch.base.provenance import PACKAGE, ROOT
from nofreelunch.base.stage_log import Work, logged

# For this process, its workers and the libraries that show bars of their own.
SILENT = {QUIET: "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}


def stage(work: Callable[..., int | Work], *factors: str, unit: str) -> None:
    """Run a stage script: ``work(params, *names)`` with one positional name for each of ``factors``.

    Args:
        work: its docstring is the help text; it gives the number of things it wrote, alone or as `Work`.
        factors: 'dataset' and/or 'embedder'; each name must stand in the grid.
        unit: what these things are, in the plural.
    """
    parser = argparse.ArgumentParser(description=work.__doc__)
    for factor in factors:
        parser.add_argument(factor, help=f"a name from grid.{factor}s in params.yaml")
    parser.add_argument(
        "--quiet", action="store_true", help=f"say only errors and the last line; {QUIET}=1 does so, too"
    )
    names = vars(parser.parse_args())
    if names.pop("quiet") or quiet():
        os.environ.update(SILENT)

    def checked() -> None:
        loaded = params.load()
        for factor, name in names.items():
            must_be_in_grid(loaded.grid, factor, name)
        with logged(work.__name__, names, unit) as done, redirect_stdout(StringIO()) if quiet() else nullcontext():
            outcome = work(loaded, *names.values())
            done.items, done.remarks = (outcome, {}) if isinstance(outcome, int) else (outcome.items, outcome.remarks)

    sys.exit(guarded(checked))


def must_be_in_grid(grid: params.Grid, factor: str, name: str) -> None:
    """Refuse a ``name`` that is none of the grid's; ``factor`` is 'dataset' or 'embedder'.

    Raises:
        UserError: it is not, with the nearest one that is.
    """
    legal = getattr(grid, f"{factor}s")
    if name not in legal:
        raise UserError(unknown(f"{factor} of the grid", name, legal))


def _say_anything() -> None:
    """Let a terminal that lacks a character show '?' in its place: a sign is no reason to lose work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _own_code(folder: Path) -> None:
    """Refuse to work with the code of another checkout than the one in ``folder``, whose files DVC watches.

    Raises:
        UserError: ``folder`` has this package, and another copy of it was imported.
    """
    own, imported = folder / "src" / PACKAGE, ROOT
    if own.is_dir() and own.resolve() != imported.resolve():
        raise UserError(
            f"this folder has code of its own in {own}, but Python would run that in {imported}. Activate the "
            f"environment of this folder ('make setup' makes one), or set PYTHONPATH={folder / 'src'}."
        )


def guarded(work: Callable[[], None]) -> int:
    """Run ``work``; a `UserError` becomes one message on standard error and exit status 1."""
    _say_anything()
    try:
        _own_code(Path.cwd())
        work()
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not find the pipe broken once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here.", file=sys.stderr)
        return 130
    return 0
