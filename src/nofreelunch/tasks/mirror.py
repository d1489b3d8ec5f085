"""A local mirror in the place of the hub, for machines without a network.

``$NOFREELUNCH_DATA_ROOT`` names a folder of ``<task>/{train,test}.parquet`` with the columns text, text_pair (pair
tasks), label and, where labels are numbers, label_name; a ``card.json`` beside them may state the licence. It is not in
params.yaml: where data are read from differs between machines and must not change what is computed.
"""

from pathlib import Path
from typing import Any

from nofreelunch.base import storage
from nofreelunch.base.environment import folder as folder_at
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import file_digest
from nofreelunch.tasks.assemble import RawRows, assemble, is_missing
from nofreelunch.tasks.columns import read_columns
from nofreelunch.tasks.spec import HubTask
from nofreelunch.tasks.table import SPLITS, Task

ROOT = "NOFREELUNCH_DATA_ROOT"


def mirror_root() -> Path | None:
    """The folder of the local mirror, None if the hub is to be asked."""
    return folder_at(ROOT)


def build_mirror_task(spec: HubTask, name: str, root: Path) -> Task:
    """Read the task ``name`` from the mirror in ``root``.

    Raises:
        UserError: the mirror lacks the task, or its files are no task.
    """
    folder = root / name
    if not folder.is_dir():
        raise UserError(
            f"the local mirror {root} ({ROOT}) has no folder '{name}'. Put {name}/train.parquet and "
            f"{name}/test.parquet there, or unset {ROOT} to ask the hub."
        )
    named = _has_names(folder / "train.parquet")
    parts, names = {}, dict[int, str | None]()
    for split in SPLITS:
        path = folder / f"{split}.parquet"
        wanted = ["text", *(["text_pair"] if spec.text_pair is not None else []), "label"]
        columns = read_columns(path, [*wanted, *(["label_name"] if named else [])])
        parts[split] = RawRows(
            columns["text"], columns.get("text_pair"), columns["label"], source=f"{name}/{path.name}"
        )
        if named:
            _learn_names(names, columns["label"], columns["label_name"], path)
    stated = {number: label_name or str(number) for number, label_name in names.items()}
    return assemble(spec, name, parts["train"], parts["test"], _card(folder, name), stated or None, hidden=-1)


def _has_names(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return path.is_file() and "label_name" in pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        # Whoever reads the columns says what is wrong.
        return False


def _learn_names(names: dict[int, str | None], labels: list[Any], label_names: list[Any], path: Path) -> None:
    """Add the name of each class, None for one that no row gives a name."""
    for label, stated in dict.fromkeys(zip(labels, label_names, strict=True)):
        if not isinstance(label, int) or label < 0:
            continue
        label_name = None if is_missing(stated) else str(stated)
        known = names.setdefault(label, label_name)
        if known is None:
            names[label] = label_name
        elif label_name not in (None, known):
            raise UserError(f"{path}: class {label} is called both '{known}' and '{label_name}'.")


def _card(folder: Path, name: str) -> dict[str, Any]:
    own = storage.read_json(folder / "card.json") if (folder / "card.json").is_file() else {}
    return {
        "source": "local mirror",
        "files": {f"{name}/{split}.parquet": file_digest(folder / f"{split}.parquet") for split in SPLITS},
        "revision": None,
        "licence": own.get("licence_stated") or "not stated",
        "status": own.get("status") or "not stated",
    }
