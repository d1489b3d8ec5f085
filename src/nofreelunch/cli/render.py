"""Make tables, claims, figures and report in a folder of their own, from the runs that are kept there."""

import argparse
import shutil
from pathlib import Path

from nofreelunch import params
from nofreelunch.base import layout
from nofreelunch.base.errors import UserError

PARAMS, RUNS, QUESTIONS = "params.yaml", "runs", "questions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and whether runs are to be taken into it first."""
    parser.add_argument("folder", type=Path, help=f"it holds {PARAMS} and {RUNS}/; all else in it is made from these")
    parser.add_argument(
        "--collect", action="store_true", help="first take params.yaml and the grid's runs (data/runs) from here"
    )


def run(arguments: argparse.Namespace) -> None:
    """Collect where that is wanted, then render.

    Raises:
        UserError: parameters or runs are missing.
    """
    from nofreelunch.evaluation.collected import collect, keep

    folder = arguments.folder
    if arguments.collect:
        here = params.load()
        keep(collect(here.grid, here.focus.embedder), folder / RUNS)
        if not (folder / PARAMS).exists() or not (folder / PARAMS).samefile(PARAMS):
            shutil.copyfile(PARAMS, folder / PARAMS)
    elif not (folder / PARAMS).is_file():
        raise UserError(f"{folder / PARAMS} is missing. 'render {folder} --collect' takes it, and the runs, from here.")
    rows, figures, size = render(folder)
    print(f"{folder}: {rows} rows of runs, {figures} figures, a report of {size / 1e6:.2f} MB")


def render(folder: Path) -> tuple[int, int, int]:
    """Make all of `layout.Results` within ``folder``, and questions/, from its params.yaml and runs/, to the same bytes
    every time.

    Returns:
        Rows of runs, number of figures, bytes of the report.
    """
    from nofreelunch.evaluation import summary
    from nofreelunch.evaluation.collected import kept, summary_of
    from nofreelunch.report import questions
    from nofreelunch.report.figures import draw_all
    from nofreelunch.report.page import write_page

    wanted, place = params.load(folder / PARAMS), layout.Results.within(folder)
    collected = kept(folder / RUNS, wanted.grid)
    summary.write(summary_of(collected, wanted), place)
    tables, claims = summary.read_tables(place.summary), summary.read_claims(place.summary)
    figures = draw_all(tables, wanted.grid.pools, wanted.focus.embedder, place.figures, wanted.foreign_names)
    figures += questions.write(collected, wanted, folder / QUESTIONS, place.figures, folder / RUNS)
    return len(collected.runs), figures, write_page(wanted, tables, claims, place.report)
