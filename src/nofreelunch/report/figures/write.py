"""Figures to files, the same bytes for the same figure."""

from pathlib import Path

from matplotlib.figure import Figure

from nofreelunch.base import storage
from nofreelunch.report.figures.style import styled


def save(figure: Figure, stem: Path) -> Path:
    """Write ``figure`` to ``stem``.png, without a date: what every reader, git host and DVC shows, and shows alike.

    Returns:
        The path.

    Raises:
        UserError: the file cannot be written.
    """
    path = stem.with_name(f"{stem.name}.png")
    with styled(), storage.atomic(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    return path
