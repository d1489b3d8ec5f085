"""Stage download: one task to data/tasks/<dataset>/."""

from nofreelunch.base.stage_log import Work
from nofreelunch.cli.command import stage
from nofreelunch.params import Params
from nofreelunch.tasks.account import in_words
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.counts import counts
from nofreelunch.tasks.files import watch
from nofreelunch.tasks.table import write_task


def download(params: Params, dataset: str) -> Work:
    """Fetch or build a task, and write its pool, its test rows and its card."""
    task = build_task(params.datasets[dataset], dataset)
    write_task(task, dataset)
    watch(params.datasets[dataset], dataset)
    print("\n".join(in_words(task, dataset)))
    return Work(len(task.train) + len(task.test), counts(task.card))


if __name__ == "__main__":
    stage(download, "dataset", unit="rows")
