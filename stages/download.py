"""Stage download: one task to data/tasks/<dataset>/."""

from nofreelunch.cli.command import stage
from nofreelunch.params import Params
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.table import write_task


def download(params: Params, dataset: str) -> int:
    """Fetch or build a task, and write its pool, its test rows and its card."""
    task = build_task(params.datasets[dataset], dataset)
    write_task(task, dataset)
    print(f"{dataset}: {len(task.train)} pool rows, {len(task.test)} test rows, {len(task.class_names)} classes")
    return len(task.train) + len(task.test)


if __name__ == "__main__":
    stage(download, "dataset", unit="rows")
