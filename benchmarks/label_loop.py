"""The labelling loop judged where all labels are known: labels it saves, and whether its statistics tell the truth.

Run: nice python -m benchmarks.label_loop --folder data/embeddings --keep label_loop     (minutes a task; resumable)
     python -m benchmarks.label_loop --keep label_loop --tables                       (the tables of docs/label_evidence.md)

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
from nofreelunch.heads.spec import LogisticSpec
from nofreelunch.labelling.simulate import BASELINE, Plan, World, replay

ARM = ("random", "badge")
PLAN = Plan(batch=50, audit=10, reserve=0.2, most=1000, head=LogisticSpec())
FOLDS, TRUTH_FOLDS = 5, 10
# Rounds at which the model's accuracy on the whole file is computed, for which every labelled row is left out once.
TRUTH_EVERY = 2

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
    """What the loop can know after each batch, and what is true of the file.

    Returns:
        audit: (M,) classes of the audit's rows in order; audits: (R,) how many there are; said, sure: (R, M) class and
        its probability by heads that were fitted without the row, on the batches so far; truth: (R,) share of the file
        that is right when each row is held out, NaN where not computed; mean_sure: (R,) the mean probability of the
        class that is named, likewise; entropy: (R,) mean over open rows, in units of log C; least: (R,) the largest;
        called: (R, n) the model's class of every row; test: (R, m) which held-out rows are right.
    """
    cell, labels = world.cell, world.labels
    reserve = np.isin(curve.acquired, world.queue[: world.reserved])
    audit = curve.acquired[reserve]
    rank = np.full(len(labels), -1)
    rank[audit] = np.arange(len(audit))
    found: dict[str, list[Any]] = {name: [] for name in ("audits", "said", "sure", "truth", "mean_sure", "entropy", "least", "called", "test")}
    for number in range(rounds):
        rows = curve.acquired[: curve.labels[number]]
        chosen = rows[rank[rows] < 0]
        own = rows[rank[rows] >= 0]
        C = cell.fitting(world.seed)(chosen, labels[chosen]).training.C
        said, sure = _held_out(world, chosen, own, audit, C)
        model = cell.fitting(world.seed, curve.C[number])(rows, labels[rows])
        everywhere = model.probabilities(cell.pool)
        is_open = np.ones(len(labels), bool)
        is_open[rows] = False
        spread = -(everywhere * np.log(np.maximum(everywhere, 1e-12))).sum(axis=1) / np.log(cell.class_count)
        top, best = everywhere.argmax(axis=1), everywhere.max(axis=1)
        found["audits"].append(len(own))
        found["said"].append(said)
        found["sure"].append(sure)
        found["entropy"].append(spread[is_open].mean())
        found["least"].append(spread[is_open].max())
        found["called"].append(top)
        found["test"].append(model.probabilities(cell.test).argmax(axis=1) == cell.test_labels)
        right, mean_sure = np.nan, np.nan
        if number % TRUTH_EVERY == TRUTH_EVERY - 1:
            hits, named = (top == labels).astype(float), best.astype(float)
            hits[own], named[own] = said[rank[own]] == labels[own], sure[rank[own]]
            for fold in range(TRUTH_FOLDS):
                held = chosen[fold::TRUTH_FOLDS]
                kept = np.setdiff1d(rows, held)
                said_of = cell.fitting(world.seed, C)(kept, labels[kept]).probabilities(cell.pool[held])
                hits[held], named[held] = said_of.argmax(axis=1) == labels[held], said_of.max(axis=1)
            right, mean_sure = hits.mean(), named.mean()
        found["truth"].append(right)
        found["mean_sure"].append(mean_sure)
    narrow = {"called": np.int16, "said": np.int16, "sure": np.float32}
    return {"audit": labels[audit]} | {name: np.array(values).astype(narrow.get(name, np.array(values).dtype)) for name, values in found.items()}


def _held_out(
    world: World, chosen: npt.NDArray[np.int64], own: npt.NDArray[np.int64], audit: npt.NDArray[np.int64], C: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Class and its probability of every row of the ``audit``, by heads on ``chosen`` and those of ``own`` (its first
    rows) of other folds."""
    said, sure = np.empty(len(audit), np.int64), np.empty(len(audit), np.float32)
    for fold in range(FOLDS):
        rows = np.concatenate([chosen, np.delete(own, np.s_[fold::FOLDS])])
        head = world.cell.fitting(world.seed, C)(rows, world.labels[rows])
        of = head.probabilities(world.cell.pool[audit[fold::FOLDS]])
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
