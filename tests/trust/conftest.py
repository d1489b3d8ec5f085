"""A small cell from files of its own, taken through the stages as they are, in this process."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from nofreelunch.params import Params

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))

CLASSES, POOL, TEST, DIM = 3, 400, 60, 6


class OwnCell:
    """A task 'own' and its embedder 'vectors' in the working folder: what they are made from, and their stages."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.labels = {"train": np.arange(POOL) % CLASSES, "test": np.arange(TEST) % CLASSES}
        self.texts = {split: [f"{split} word{i % 7} word{i % 11} {i}" for i in range(n)] for split, n in SIZES.items()}
        centres = rng.normal(size=(CLASSES, DIM))
        self.vectors = {split: centres[y] + 0.8 * rng.normal(size=(len(y), DIM)) for split, y in self.labels.items()}

    def write(self) -> None:
        """The files that the task and the vectors are read from."""
        for split in SIZES:
            rows = zip(self.texts[split], self.labels[split], strict=True)
            Path(f"{split}.csv").write_text("text,label\n" + "".join(f"{text},c{label}\n" for text, label in rows))
            np.save(f"{split}.npy", self.vectors[split].astype(np.float32))

    def params(self, **sections) -> Params:
        """The shipped params.yaml with this cell as its grid and some sections changed, key by key."""
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        task = {"source": "files", "train_file": "train.csv", "test_file": "test.csv", "deduplicate": False}
        content |= {
            "datasets": {"own": task},
            "embedders": {
                "vectors": {"kind": "npy", "vectors": "{split}.npy", "texts": "{split}.csv"},
                "lsa": {"kind": "lsa", "dim": 8},
            },
            "focus": {"embedder": "vectors"},
        }
        content["grid"] |= {"datasets": ["own"], "embedders": ["vectors"], "pools": ["random"], "seeds": 1}
        content["grid"]["strategies"] = ["random", "margin"]
        content["budget"] |= {"track": "custom", "custom": {"initial": 9, "batch": 4, "rounds": 3}}
        for name, changes in sections.items():
            content[name] |= changes
        return Params.model_validate(content)

    def run(self, params: Params, *names: str, embedder: str = "vectors") -> None:
        """Run the named stages of the cell; all four where none is named."""
        import importlib

        for name in names or ("download", "embed", "initialize", "active_learn"):
            work = getattr(importlib.import_module(f"stages.{name}"), name)
            work(params, "own", *([] if name == "download" else [embedder]))


SIZES = {"train": POOL, "test": TEST}


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOFREELUNCH_JOBS", "1")
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(tmp_path / "memo"))
    cell = OwnCell()
    cell.write()
    return cell
