"""Tasks from the Hugging Face hub."""

from pathlib import Path
from typing import Any

from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.hub import snapshot
from nofreelunch.tasks.assemble import RawRows, assemble
from nofreelunch.tasks.spec import HubTask
from nofreelunch.tasks.table import Task

DATA = ("*.parquet", "*.csv", "*.tsv", "*.json", "*.jsonl", "*.txt", "*.arrow", "*.gz", "*.zip", "*.zst", "*.yaml")
CONVERTED = "refs/convert/parquet"


def build_hub_task(spec: HubTask, name: str) -> Task:
    """Download the task ``name`` at its pinned revision, or at the newest one, and write the commit into its card.

    Repositories that ship a loading script are read from the hub's converted copy; no script is ever run.

    Args:
        spec: the task's entry in params.yaml.
        name: the task's name.

    Raises:
        UserError: the data cannot be had (see ``nofreelunch.base.hub``), or configuration, split, columns or labels are
            not what the entry says.
    """
    # A script is fetched as a mark only.
    script = f"{spec.hub.rpartition('/')[2]}.py"
    main = snapshot(spec.hub, "dataset", spec.revision, [*DATA, "README.md", script])
    converted = None
    if (main / script).is_file():
        config = spec.config or "default"
        patterns = [f"{config}/{split}/*.parquet" for split in (spec.train_split, spec.test_split)]
        converted = snapshot(spec.hub, "dataset", CONVERTED, patterns)
        train, test = (_load_converted(converted, spec, split) for split in (spec.train_split, spec.test_split))
    else:
        train, test = _load(main, spec)
    held_out = spec.test_split == spec.train_split
    card = {
        "source": f"Hugging Face hub, {spec.hub}" + ("" if spec.config is None else f", {spec.config}"),
        "revision": main.name,
        "converted_revision": None if converted is None else converted.name,
        "licence": _licence(main),
    }
    pool = _rows(train, spec, spec.train_split)
    held_back = None if held_out else _rows(test, spec, spec.test_split)
    return assemble(spec, name, pool, held_back, card, _class_names(train, spec.label), hidden=-1)


def _load(folder: Path, spec: HubTask) -> tuple[Any, Any]:
    from datasets import load_dataset

    try:
        splits = load_dataset(str(folder), name=spec.config)
    except ValueError as error:
        raise UserError(f"{spec.hub}: {error} Correct 'config' of its entry in params.yaml.") from error
    except Exception as error:
        # Whatever its readers raise (parse errors, missing files) is about the repository's content.
        raise UserError(f"{spec.hub} cannot be read as a data set: {error}") from error
    for split in (spec.train_split, spec.test_split):
        if split not in splits:
            alone = f" To hold test rows out of it: 'test_split: {spec.train_split}'." if len(splits) == 1 else ""
            raise UserError(f"{spec.hub}: {unknown('split', split, splits)}{alone}")
    return splits[spec.train_split], splits[spec.test_split]


def _load_converted(folder: Path, spec: HubTask, split: str) -> Any:
    from datasets import load_dataset

    files = sorted(map(str, folder.glob(f"{spec.config or 'default'}/{split}/*.parquet")))
    if not files:
        raise UserError(
            f"{spec.hub} ships a loading script, which is never run, and its converted copy ({CONVERTED}) has no files "
            f"of configuration '{spec.config or 'default'}', split '{split}'. Correct 'config' or the split."
        )
    return load_dataset("parquet", data_files={split: files}, split=split)


def _rows(data: Any, spec: HubTask, split: str) -> RawRows:
    for column in spec.columns:
        if column not in data.column_names:
            raise UserError(f"{spec.hub}, split '{split}': {unknown('column', column, data.column_names)}")
    return RawRows.of(data.select_columns(list(dict.fromkeys(spec.columns)))[:], spec)


def _class_names(data: Any, label: str) -> dict[int, str] | None:
    """The names of numbered classes, where the data set states them."""
    names = getattr(data.features[label], "names", None)
    return None if names is None else dict(enumerate(names))


def _licence(folder: Path) -> str:
    """The licence that the repository's README states."""
    from huggingface_hub import DatasetCard

    readme = folder / "README.md"
    if not readme.is_file():
        return "not stated"
    try:
        stated = DatasetCard.load(readme, ignore_metadata_errors=True).data.to_dict().get("license")
    except ValueError:
        return "not stated"
    return ", ".join(stated) if isinstance(stated, list) else str(stated or "not stated")
