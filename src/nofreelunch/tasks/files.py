"""Your own data: CSV, TSV, JSON lines, parquet and .xlsx files, and how DVC comes to watch them."""

from pathlib import Path

from nofreelunch.base import layout, links
from nofreelunch.base.storage import file_digest
from nofreelunch.tasks.assemble import RawRows, assemble
from nofreelunch.tasks.columns import read_table
from nofreelunch.tasks.spec import FilesTask, TaskSpec
from nofreelunch.tasks.table import SPLITS, Task


def own_files(spec: TaskSpec) -> dict[str, Path]:
    """The user's own files that a task is read from, by split."""
    if not isinstance(spec, FilesTask):
        return {}
    named = {"train": spec.train_file, "test": spec.test_file}
    return {split: Path(name).expanduser() for split, name in named.items() if name is not None}


def build_files_task(spec: FilesTask, name: str) -> Task:
    """Read the task ``name`` from the files that its entry names.

    Raises:
        UserError: a file or a column is absent, a file is not what its name says, or its rows are no task.
    """
    paths = own_files(spec)
    parts = {}
    for split, path in paths.items():
        table = read_table(path, spec.columns, spec.reading)
        parts[split] = RawRows.of(table.columns, spec, str(path), table.lines)
    card = {
        "source": "local files",
        "files": {path.as_posix(): file_digest(path) for path in paths.values()},
        "revision": None,
        "licence": "not stated",
    }
    return assemble(spec, name, parts["train"], parts.get("test"), card)


def watch(spec: TaskSpec, dataset: str) -> None:
    """Put links to the user's own files where dvc.yaml has uncached outputs of the task's stage.

    DVC follows them: a file that changes makes the stage run again, and no copy of it is kept or pushed. A task without
    such a file has a note in each link's place.
    """
    files = own_files(spec)
    for split in SPLITS:
        links.link(layout.own_file(dataset, split), files.get(split), "no file of your own")


def unwatch_lost(datasets: list[str]) -> None:
    """Remove links to files that are gone."""
    links.drop_lost(layout.own_file(dataset, split) for dataset in datasets for split in SPLITS)
