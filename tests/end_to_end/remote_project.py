"""A finished project that is pushed to a remote and then loses its texts and its model, and fresh clones of it."""

import subprocess
import sys
from pathlib import Path

from dvc_project import TINY, Project

sys.path.append(str(Path(__file__).parents[1] / "embedders"))

CELLS = ["own-tiny", "own-hashing"]
SUMMARISED = {"aggregate", "plot", "report"}


def unpushed(folder: Path, outside: Path, *remote: str, **environment: str) -> Project:
    """A finished project in ``folder`` with a task and a model from files in ``outside``, and its default remote.

    Args:
        folder, outside: empty folders.
        remote: what follows ``dvc remote add --default store``.
        environment: variables for all that the project does.
    """
    from tiny_models import WORDS, save_sentence_model

    project = Project(folder)
    project.environment |= environment
    lines = (f"{WORDS[i % 7]} {WORDS[i % 11]} {i},{i % 3}\n" for i in range(240))
    (outside / "own.csv").write_text("text,label\n" + "".join(lines))
    model = {"kind": "transformer", "hub": str(save_sentence_model(outside / "model")), "max_tokens": 16}
    project.change(
        {
            "grid": {"datasets": ["own"], "embedders": ["tiny", "hashing"]},
            "focus": {"embedder": "tiny"},
            "datasets": {"own": {"source": "files", "train_file": str(outside / "own.csv")}},
            "embedders": {"tiny": model, "hashing": TINY["embedders"]["hashing"]},
        }
    )
    project.dvc("remote", "add", "--default", "store", *remote)
    project.repro()
    project.commit()
    return project


def push_and_lose(project: Project, outside: Path) -> str:
    """Push; then put texts and model out of reach. Returns what DVC said."""
    said = project.dvc("push")
    (outside / "own.csv").unlink()
    (outside / "model").rename(outside / "gone")
    # As docs/own_data.md says: DVC would stop at the link to a file that is gone, and 'check' takes it away.
    check = [sys.executable, "-m", "nofreelunch", "check"]
    told = subprocess.run(check, cwd=project.folder, env=project.environment, text=True, capture_output=True)
    assert "own.csv" in told.stderr
    return said


def bare_clone(origin: Project, folder: Path) -> Project:
    """A fresh clone in ``folder`` (empty) in which even the import of a model's library fails."""
    made = Project.clone_of(origin, folder / "clone")
    made.environment = origin.environment | made.environment
    (folder / "barred").mkdir()
    for name in ("torch", "transformers", "sentence_transformers", "tokenizers", "datasets"):
        (folder / "barred" / f"{name}.py").write_text(f"raise ImportError('{name} is out of reach')\n")
    made.environment["PYTHONPATH"] += f":{folder / 'barred'}"
    return made


def texts(project: Project) -> list[str]:
    """Names of the files of the task that are there."""
    return sorted(path.name for path in project.folder.glob("data/tasks/own/*"))
