"""All figures of a grid, drawn and written."""

from collections.abc import Sequence

import pandas as pd

from nofreelunch import layout
from nofreelunch.figures import curves, differences, heatmap, pool_gain, wins
from nofreelunch.figures.write import save


def draw_all(tables: dict[str, pd.DataFrame], pools: Sequence[str]) -> None:
    """Write plots/figures/{curves_<ips>,differences_<ips>,aulc,ranks,wins,pool_gain}.{png,svg}.

    Args:
        tables: `evaluation.summary.read_tables`.
        pools: the pool selections, a figure of curves and one of differences for each.
    """
    folder = layout.PLOTS / "figures"
    for ips in pools:
        save(curves.draw(tables["curves"], ips), folder / f"curves_{ips}")
        if not tables["differences"].empty:
            save(differences.draw(tables["differences"], ips), folder / f"differences_{ips}")
    save(heatmap.draw(tables["ranks"], "aulc"), folder / "aulc")
    save(heatmap.draw(tables["ranks"], "rank"), folder / "ranks")
    if not tables["wins"].empty:
        save(wins.draw(tables["wins"]), folder / "wins")
    save(pool_gain.draw(tables["pool_gains"], tables["probes"], tables["quality"]), folder / "pool_gain")
