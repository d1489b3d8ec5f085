"""Figures to files: PNG and SVG, the same bytes for the same figure."""

from pathlib import Path

from matplotlib.figure import Figure

from nofreelunch.base import storage
from nofreelunch.report.figures.style import styled


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write ``figure`` to ``stem``.png (150 dpi) and ``stem``.svg (text stays text), without dates.

    Returns:
        The two paths.

    Raises:
        UserError: the files cannot be written.
    """
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg")]
    with styled():
        for path, metadata in zip(paths, ({"Software": None}, {"Date": None, "Creator": None}), strict=True):
            with storage.atomic(path) as temporary:
                figure.savefig(temporary, format=path.suffix[1:], metadata=metadata)
    return paths
