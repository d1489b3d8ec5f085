"""The evidence at hand, of this grid, of the project and of the study, as one table to learn from."""

from functools import reduce
from pathlib import Path

import pandas as pd

from nofreelunch.base import layout
from nofreelunch.base.errors import UserError
from nofreelunch.evaluation.arms import COLUMNS, joined
from nofreelunch.evaluation.summary import read_table


def read_evidence(wanted: Path | None) -> tuple[list[str], pd.DataFrame]:
    """Where there is something to learn from, and the evidence as one table (`evaluation.arms.evidence`).

    Args:
        wanted: the folder; where None, that of this grid, what came with the project, and the study that comes with the
            package. A task that several have counts as the first of them found it.

    Raises:
        UserError: there is none, or its grid compares nothing.
    """
    places = {layout.EVIDENCE: str(layout.EVIDENCE), layout.SHIPPED: str(layout.SHIPPED), layout.STUDY: "the study"}
    folders = list(places) if wanted is None else [wanted]
    there = [folder for folder in folders if (folder / "arms.parquet").is_file()]
    if not there:
        raise UserError(f"{' and '.join(map(str, folders))}: no evidence to learn from. Run 'dvc repro'.")
    tables = [read_table("arms", folder) for folder in there]
    for folder, table in zip(there, tables, strict=True):
        missing = [name for name in COLUMNS if name not in table]
        if missing:
            raise UserError(f"{folder / 'arms.parquet'} lacks {', '.join(missing)}: 'dvc repro' makes it anew.")
    arms = reduce(joined, tables)
    if arms.empty:
        raise UserError("nothing to learn from: put 'badge', 'margin' or 'random' into grid.strategies, 'dvc repro'.")
    return [places.get(folder, str(folder)) for folder in there], arms
