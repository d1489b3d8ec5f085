"""What every command line of the project has in common: --help, checked parameters, and errors a person can act on."""

import argparse
import sys
from collections.abc import Callable

from nofreelunch import params
from nofreelunch.errors import UserError, unknown


def stage(work: Callable[..., None], *factors: str) -> None:
    """Run a stage script: ``work(params, *names)`` with one positional name for each of ``factors``.

    Args:
        work: its docstring is the help text.
        factors: 'dataset' and/or 'embedder'; each name must stand in the grid.
    """
    parser = argparse.ArgumentParser(description=work.__doc__)
    for factor in factors:
        parser.add_argument(factor, help=f"a name from grid.{factor}s in params.yaml")
    arguments = vars(parser.parse_args())

    def checked() -> None:
        loaded = params.load()
        for factor, name in arguments.items():
            legal = getattr(loaded.grid, f"{factor}s")
            if name not in legal:
                raise UserError(unknown(f"{factor} of the grid", name, legal))
        work(loaded, *arguments.values())

    sys.exit(guarded(checked))


def guarded(work: Callable[[], None]) -> int:
    """Run ``work``; a `UserError` becomes one message on standard error and exit status 1."""
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here.", file=sys.stderr)
        return 130
    return 0
