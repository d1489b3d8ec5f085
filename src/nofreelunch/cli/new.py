"""Start a project of your own in a new folder: the pipeline as it is here, your tasks, your own results."""

import argparse
import shutil
import subprocess
from pathlib import Path

import yaml

from nofreelunch import params
from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.provenance import ROOT
from nofreelunch.cli.grid import with_grid
from nofreelunch.cli.yaml_edit import replace_section, set_values

FILES = ("dvc.yaml", "requirements.txt", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore")
FOLDERS = ("stages", "src/nofreelunch", ".dvc/plots")
TASK, TEXTS = "my_texts", "my_texts.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and the file that holds the texts."""
    parser.add_argument("folder", type=Path, help="it is made, and must be new or empty")
    parser.add_argument(
        "--texts", type=Path, help=f"a table with texts and labels (default: {TEXTS} in the new folder)"
    )
    parser.add_argument("--text", default="text", help="the column that holds the texts (default: text)")
    parser.add_argument("--label", default="label", help="the column that holds the labels (default: label)")


def run(arguments: argparse.Namespace) -> None:
    """Make the project, and say how to go on.

    Raises:
        UserError: the folder is in use, this package is no checkout of its repository, or git is missing.
    """
    source, folder = ROOT.parents[1], arguments.folder
    if not all((source / name).exists() for name in (*FILES, *FOLDERS)):
        raise UserError(f"{source} is no checkout of the repository. Clone that, and run this command from the clone.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already. Name another folder.")
    try:
        text = (source / "params.yaml").read_text(encoding="utf-8")
        content = own_params(text, arguments.texts, arguments.text, arguments.label)
        copy_pipeline(source, folder)
        (folder / "params.yaml").write_text(content, encoding="utf-8")
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"cannot make a project in {folder}: {error}") from error
    hide(folder)
    print(f"{folder}: a git repository with the pipeline of {source} and the task '{TASK}'")
    if (folder / layout.SHIPPED).is_dir():
        print(f"{folder / layout.SHIPPED}: what the grid of {source} says, for 'recommend'")
    else:
        print(f"no evidence for 'recommend': {layout.EVIDENCE} is missing here; 'dvc repro' makes it")
    if arguments.texts is None:
        print(f"put {TEXTS} there, with the columns '{arguments.text}' and '{arguments.label}', or change params.yaml")
    print(f"then:\n  cd {folder}\n  export PYTHONPATH=$PWD/src\n  python -m nofreelunch check\n  dvc repro")


def own_params(text: str, texts: Path | None, column: str, label: str) -> str:
    """The params.yaml of a new project: the shipped grid with one task, read from the file ``texts``."""
    file = TEXTS if texts is None else texts.expanduser().resolve().as_posix()
    entry = {"source": "files", "train_file": file, "text": column, "label": label}
    text, _ = with_grid(text, "quickstart")
    text = set_values(text, {("grid", "datasets"): [TASK]})
    text = replace_section(text, "datasets", {TASK: entry})
    params.checked(yaml.safe_load(text), Path("params.yaml"))
    return text


def copy_pipeline(source: Path, folder: Path) -> None:
    """The code, DVC's files and the evidence of the grid in ``source``, but none of its results."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, folder / name)
    for name in FOLDERS:
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    # A project that was made from a project hands on what that had.
    for evidence in (layout.SHIPPED, layout.EVIDENCE):
        if (source / evidence).is_dir():
            shutil.copytree(source / evidence, folder / layout.SHIPPED)
            return


def hide(folder: Path) -> None:
    """Keep a project that lies within another git repository out of that one's status."""
    where = ["git", "-C", str(folder.resolve().parent), "rev-parse", "--show-toplevel", "--absolute-git-dir"]
    done = subprocess.run(where, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return
    top, git = map(Path, done.stdout.splitlines())
    line = f"/{folder.resolve().relative_to(top.resolve()).as_posix()}/\n"
    exclude = git / "info" / "exclude"
    known = exclude.read_text(encoding="utf-8") if exclude.is_file() else ""
    if line not in known.splitlines(keepends=True):
        with storage.atomic(exclude) as temporary:
            temporary.write_text(known + ("" if known.endswith("\n") or not known else "\n") + line, encoding="utf-8")
        print(f"{exclude}: {line.strip()} is kept out of the status of {top}")
