"""All figures of a grid, drawn and written."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from nofreelunch.base import layout
from nofreelunch.report.figures import (
    answers,
    best,
    critical_difference,
    curves,
    differences,
    embedders,
    heatmap,
    picks,
    pool_gain,
    strategy_gain,
    style,
    wins,
)
from nofreelunch.report.figures.write import save


def draw_all(
    tables: dict[str, pd.DataFrame],
    pools: Sequence[str],
    focus: str,
    folder: Path = layout.HERE.figures,
    foreign: Sequence[str] = (),
) -> int:
    """Write ``folder``/<name>.png for every figure of `drawn`, and give their number.

    Args:
        tables: `evaluation.summary.read_tables`.
        pools: the pool selections, a figure of curves and one of differences for each.
        focus: the embedder whose picks are shown.
        folder: to write to.
        foreign: strategies and pools to mark as not part of the benchmark.
    """
    with style.marking(foreign):
        return len([save(figure, folder / name) for name, figure in drawn(tables, pools, focus)])


def drawn(tables: dict[str, pd.DataFrame], pools: Sequence[str], focus: str) -> Iterator[tuple[str, Figure]]:
    """The figures with their names; those that compare strategies only where there are at least two."""
    known = style.marks(tables["probes"])
    compared = not tables["differences"].empty
    yield "answers", answers.draw(tables["aulc"], tables["curves"])
    yield "embedders", embedders.draw(tables["curves"], known=known)
    for ips in pools:
        yield f"curves_{ips}", curves.draw(tables["curves"], ips, known=known)
        if compared:
            yield f"differences_{ips}", differences.draw(tables["differences"], ips, known=known)
    yield "aulc", heatmap.draw(tables["ranks"], "aulc", known=known)
    yield "ranks", heatmap.draw(tables["ranks"], "rank", known=known)
    yield "labels_to_target", heatmap.draw_labels(tables["aulc"], known=known)
    yield "pool_gain", pool_gain.draw(tables["pool_gains"], tables["probes"], tables["quality"])
    yield "picks", picks.draw(tables["picks"], focus)
    if compared:
        yield "strategy_gain", strategy_gain.draw(tables["strategy_gains"], tables["probes"], tables["quality"])
        yield "best", best.draw(tables["ranks"], known=known)
        yield "wins", wins.draw(tables["wins"])
        yield "critical_difference", critical_difference.draw(tables["mean_ranks"], tables["friedman"])
