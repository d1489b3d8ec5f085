"""Tables and figures of the further questions, from what a folder keeps of the runs behind them."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from nofreelunch.base import storage
from nofreelunch.evaluation import questions
from nofreelunch.evaluation.collected import Collected
from nofreelunch.evaluation.printed import write_csv, write_printed
from nofreelunch.params import Params
from nofreelunch.report.figures import questions as figures
from nofreelunch.report.figures.write import save

_KEPT = {
    "transfer": (questions.TRANSFER, questions.transfer, figures.transfer),
    "implementation": (questions.IMPLEMENTATION, questions.implementation, figures.implementation),
    "budget": (questions.BUDGET, questions.budget, figures.budget),
    "noise": (questions.NOISE, questions.noise, figures.noise),
}
# Fewer depths of one model make no trend.
_FEWEST_DEPTHS = 3


def answered(collected: Collected, wanted: Params, runs: Path) -> Iterator[tuple[str, pd.DataFrame, Figure]]:
    """Name, table and figure of every question that can be answered.

    Args:
        collected: of the grid.
        wanted: its parameters.
        runs: where <question>.parquet of `_KEPT` may be (benchmarks/questions.py).
    """
    grid = wanted.grid
    if {questions.DIVERSITY, questions.UNCERTAINTY} <= set(grid.strategies) and "random" in grid.pools:
        found = questions.crossings(collected.runs)
        found = found.merge(collected.probes[["dataset", "embedder", "quality"]], on=["dataset", "embedder"])
        table = questions.crossing(collected.runs, collected.probes)
        yield "crossing", table, figures.crossing(found, questions.DIVERSITY, questions.UNCERTAINTY)
    depths = depths_of(wanted)
    if len(depths) >= _FEWEST_DEPTHS:
        table = questions.layers(collected.runs, collected.probes, depths)
        yield "layers", table, figures.layers(table)
    for name, (columns, answer, draw) in _KEPT.items():
        if (runs / f"{name}.parquet").is_file():
            table = answer(pd.DataFrame(storage.read_table(runs / f"{name}.parquet", columns))[list(columns)])
            yield name, table, draw(table)


def depths_of(wanted: Params) -> list[str]:
    """Embedders of the grid that are one model cut after ever more of its layers, the whole one last; or none."""
    specs = {name: wanted.embedders[name].model_dump() for name in wanted.grid.embedders}
    for name, spec in specs.items():
        same = {
            key: cut["layers"] for key, cut in specs.items() if cut.get("layers") and cut | {"layers": None} == spec
        }
        if same:
            return [*sorted(same, key=lambda key: same[key]), name]
    return []


def write(collected: Collected, wanted: Params, folder: Path, pictures: Path, runs: Path) -> int:
    """Write ``folder``/<question>.{csv,md,tex} and ``pictures``/question_<question>, and give their number."""
    count = 0
    for name, table, figure in answered(collected, wanted, runs):
        write_csv(table, folder / f"{name}.csv")
        write_printed(table, folder / name)
        save(figure, pictures / f"question_{name}")
        count += 1
    return count
