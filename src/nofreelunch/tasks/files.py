"""Your own data: CSV, TSV, JSON lines and parquet files."""

from pathlib import Path

import numpy as np

from nofreelunch.base.randomness import generator
from nofreelunch.base.storage import file_digest
from nofreelunch.tasks.assemble import Rows, assemble
from nofreelunch.tasks.columns import read_columns
from nofreelunch.tasks.spec import FilesTask
from nofreelunch.tasks.table import Task


def build_files_task(spec: FilesTask, name: str) -> Task:
    """Read the task ``name`` from the files that its entry names.

    Raises:
        UserError: a file or a column is absent, a file is not what its name says, or its rows are no task.
    """
    paths = [Path(spec.train_file), *([Path(spec.test_file)] if spec.test_file is not None else [])]
    parts = [Rows.of(read_columns(path, spec.columns), spec) for path in paths]
    card = {
        "source": "local files",
        "files": {path.as_posix(): file_digest(path) for path in paths},
        "revision": None,
        "licence": "not stated",
    }
    if len(parts) == 2:
        return assemble(spec, name, parts[0], parts[1], card)
    train, test = _hold_out(parts[0], spec, name)
    return assemble(spec, name, train, test, card)


def _hold_out(rows: Rows, spec: FilesTask, name: str) -> tuple[Rows, Rows]:
    """Split by class at random; all rows of equal texts come to the same side, and a class of one text to train."""
    groups: dict[str, list[int]] = {}
    for i, texts in enumerate(zip(rows.text, rows.text_pair or rows.text, strict=True)):
        groups.setdefault(repr(texts), []).append(i)
    by_class: dict[str, list[list[int]]] = {}
    for members in groups.values():
        by_class.setdefault(str(rows.label[members[0]]), []).append(members)
    rng = generator("hold out", name, spec.seed)
    test = np.zeros(len(rows.text), bool)
    for label in sorted(by_class):
        equals = by_class[label]
        count = min(max(1, round(spec.test_share * len(equals))), len(equals) - 1)
        for place in rng.permutation(len(equals))[:count]:
            test[equals[place]] = True
    return rows.keep(np.flatnonzero(~test)), rows.keep(np.flatnonzero(test))
