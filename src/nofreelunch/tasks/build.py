"""From a task's entry in params.yaml to the task, whatever its source."""

from nofreelunch.base.storage import Memo
from nofreelunch.tasks.docs import build_docs_task
from nofreelunch.tasks.files import build_files_task
from nofreelunch.tasks.hub import build_hub_task
from nofreelunch.tasks.mirror import build_mirror_task, mirror_root
from nofreelunch.tasks.spec import DocsTask, FilesTask, TaskSpec
from nofreelunch.tasks.table import Task, validate


def build_task(spec: TaskSpec, name: str) -> Task:
    """Fetch or build the task ``name`` and check it.

    Raises:
        UserError: its source cannot be read, or nothing can be learned from it.
    """
    return validate(_build(spec, name), name)


def _build(spec: TaskSpec, name: str) -> Task:
    if isinstance(spec, DocsTask):
        return build_docs_task(spec, Memo.default())
    if isinstance(spec, FilesTask):
        return build_files_task(spec, name)
    root = mirror_root()
    return build_hub_task(spec, name) if root is None else build_mirror_task(spec, name, root)
