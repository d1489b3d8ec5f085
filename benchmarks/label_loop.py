"""The labelling loop judged where all labels are known: labels it saves, and whether its statistics tell the truth.

Run: nice python -m benchmarks.label_loop --folder data/embeddings --keep label_loop   (minutes; resumable)
     python -m benchmarks.label_tables --keep label_loop      (the tables of docs/label_evidence.md)

--folder holds <task>/<embedder>.{train,test}.npy and .labels.json, as the stage embed writes them; train and test rows
together are a task's file, of which each repetition holds out a third. A file for each task and repetition goes to
--keep; what is there is not run again.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.machine import clock
from nofreelunch.base import storage
from nofreelunch.cells.simulation import Curve
from nofreelunch.heads.head import Learner
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.labelling.simulate import BASELINE, Plan, World, replay
from nofreelunch.labelling.stopping import uncertainties

ARM = ("random", "badge")
PLAN = Plan(batch=50, audit=10, reserve=0.2, most=1000, head=LogisticSpec())
FOLDS = 5

Arrays = dict[str, npt.NDArray[Any]]


def read(folder: Path, task: str, embedder: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], int]:
    """Features, labels and the number of classes of a task's train and test rows together."""
    said = json.loads((folder / task / f"{embedder}.labels.json").read_text(encoding="utf-8"))
    features = np.concatenate([np.load(folder / task / f"{embedder}.{split}.npy") for split in ("train", "test")])
    return features, np.array(said["train"] + said["test"]), len(said["classes"])


def one(folder: Path, task: str, embedder: str, seed: int) -> Arrays:
    """Everything that is measured of one repetition."""
    features, labels, classes = read(folder, task, embedder)
    world = World.of(task, features, labels, classes, seed, PLAN)
    curves, ends = replay(world, [BASELINE, ARM], PLAN)
    shortest = min(len(curve.labels) for curve in curves)
    return {
        "labels": curves[1].labels[:shortest],
        "accuracy": np.stack([curve.metrics[:shortest, 0] for curve in curves]),
        "ends": np.array([ends["metrics"][0], ends["chance"][0]]),
        **watched(world, curves[1], shortest),
    }


def watched(world: World, curve: Curve, rounds: int) -> Arrays:
    """What the loop can know after each batch, and what is true.

    Returns:
        audit: (M,) classes of the reserve's rows in the order in which they are asked; audits: (R,) how many have been;
        said, sure: (R, M) class and its probability by heads that were fitted without the row, on the batches so far;
        reserve: (M,) their rows; acquired: (L,) all rows in the order in which they were asked; uncertainty, doubt:
        (R,) mean and largest over open rows; called: (R, n) the model's class of every row; test: (R, m) which held-out
        rows are right.
    """
    cell, labels, audit = world.cell, world.labels, world.queue[: world.reserved]
    learner, whole = cell.learner(world.seed), cell.learner(world.seed)
    folds: list[Learner] = []
    strength = np.nan
    found: dict[str, list[Any]] = {}
    for number in range(rounds):
        rows = curve.acquired[: curve.labels[number]]
        asked = np.isin(rows, audit)
        chosen, own = rows[~asked], rows[asked]
        C = learner.fit(chosen, labels[chosen]).training.C
        if strength != C:
            folds, strength = [cell.learner(world.seed, C) for _ in range(FOLDS)], C
        said, sure = _held_out(world, rows, own, audit, folds)
        model = whole.fit(rows, labels[rows])
        everywhere = model.probabilities(cell.pool)
        unsure = uncertainties(np.delete(everywhere, rows, axis=0))
        now = {
            "audits": len(own),
            "said": said.astype(np.int16),
            "sure": sure,
            "uncertainty": unsure.mean(),
            "doubt": unsure.max(),
            "called": everywhere.argmax(axis=1).astype(np.int16),
            "test": model.probabilities(cell.test).argmax(axis=1) == cell.test_labels,
        }
        for name, value in now.items():
            found.setdefault(name, []).append(value)
    return {"audit": labels[audit], "reserve": audit, "acquired": curve.acquired} | {
        name: np.array(values) for name, values in found.items()
    }


def _held_out(
    world: World,
    rows: npt.NDArray[np.int64],
    own: npt.NDArray[np.int64],
    audit: npt.NDArray[np.int64],
    learners: list[Learner],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Class and its probability of every row of the ``audit``, by heads on ``rows`` without those of ``own``, the first
    of the audit, that are of the same fold."""
    said, sure = np.empty(len(audit), np.int64), np.empty(len(audit), np.float32)
    for fold, learner in enumerate(learners):
        known = rows[~np.isin(rows, own[fold::FOLDS])]
        of = learner.fit(known, world.labels[known]).probabilities(world.cell.pool[audit[fold::FOLDS]])
        said[fold::FOLDS], sure[fold::FOLDS] = of.argmax(axis=1), of.max(axis=1)
    return said, sure


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--folder", type=Path, default=Path("data/embeddings"))
    flags.add_argument("--embedder", default="minilm")
    flags.add_argument("--keep", type=Path, required=True)
    flags.add_argument("--seeds", type=int, default=10)
    flags.add_argument("--tasks", help="separated by commas; by default all that are there")
    chosen = flags.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    there = sorted(path.parent.name for path in chosen.folder.glob(f"*/{chosen.embedder}.test.npy"))
    for seed in range(chosen.seeds):
        for task in chosen.tasks.split(",") if chosen.tasks else there:
            kept = chosen.keep / f"{task}.{seed}.npz"
            if not kept.exists():
                started = clock()
                with threadpool_limits(1):
                    found = one(chosen.folder, task, chosen.embedder, seed)
                with storage.atomic(kept) as path, path.open("wb") as file:
                    np.savez_compressed(file, **found)
                print(task, seed, f"{clock() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
