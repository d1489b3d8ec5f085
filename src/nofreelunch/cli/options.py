"""Options that several commands have."""

import argparse
from collections.abc import Callable


def legal(check: Callable[[str], str]) -> Callable[[str], str]:
    """The type of an argument that ``check`` gives back or refuses by a ValueError."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked
