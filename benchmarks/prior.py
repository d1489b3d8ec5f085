"""The variance of the prior of intercepts: accuracy and log loss on random labels, by task.

Run: python -m benchmarks.prior --folder data/embeddings [--tasks ag_news,sst2] [--embedder minilm] [--seeds 3]

--folder holds <task>/<embedder>.{train,test}.npy and .labels.json, as the stage embed writes them; every task that has
the embedder is run. The head is the default one (C = cv, rows centred) on PER_CLASS random labels a class, under a
prior of each of VARIANCES, without intercepts and with free ones; the test rows are the task's, the same for all.
`softmax` has the variance as a constant, which is set here.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe
from nofreelunch.base import storage
from nofreelunch.base.randomness import generator
from nofreelunch.cells.metrics import METRICS, score
from nofreelunch.cells.simulation import Cell
from nofreelunch.heads import softmax
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.scaling import scale

VARIANCES = (0.3, 1.0, 3.0, 10.0, 30.0)
STYLES = ["none", *map(str, VARIANCES), "free"]
PER_CLASS = (1.25, 5, 20)


def measure(folder: Path, task: str, embedder: str, seeds: int) -> pd.DataFrame:
    """One row for each style, number of labels a class and seed: accuracy and log loss."""
    said = storage.read_json(folder / task / f"{embedder}.labels.json")
    pool, test = (storage.read_npy(folder / task / f"{embedder}.{split}.npy") for split in ("train", "test"))
    labels, truth, classes = np.array(said["train"]), np.array(said["test"]), len(said["classes"])
    features, hidden = scale(pool, test, "unit", centre=True)
    rows = []
    for style, count, seed in itertools.product(STYLES, PER_CLASS, range(seeds)):
        picked = generator("prior", task, seed).permutation(len(features))[: round(count * classes)]
        if style not in ("none", "free"):
            softmax.INTERCEPT_VARIANCE = float(style)
        spec = LogisticSpec(intercept=style if style in ("none", "free") else "penalised")  # type: ignore[arg-type]
        cell = Cell.of(task, embedder, features, hidden, truth, classes, spec)
        p = cell.fitting(seed)(picked, labels[picked]).probabilities(hidden)
        found = dict(zip(METRICS, score(p, truth), strict=True))
        rows.append((task, style, count, 100 * found["accuracy"], found["nll"]))
    return pd.DataFrame(rows, columns=["task", "variance", "labels a class", "accuracy", "log loss"])


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--folder", type=Path, default=Path("data/embeddings"))
    flags.add_argument("--tasks", help="separated by commas; by default all that have the embedder")
    flags.add_argument("--embedder", default="minilm")
    flags.add_argument("--seeds", type=int, default=3)
    chosen = flags.parse_args()
    found = sorted(path.parent.name for path in chosen.folder.glob(f"*/{chosen.embedder}.labels.json"))
    tasks = chosen.tasks.split(",") if chosen.tasks else found
    print(f"{describe()}\n{chosen.embedder}, {chosen.seeds} seeds\n", flush=True)
    with threadpool_limits(1):
        table = pd.concat([measure(chosen.folder, task, chosen.embedder, chosen.seeds) for task in tasks])
    table["variance"] = pd.Categorical(table["variance"], categories=STYLES)
    for value, by in (("accuracy", "task"), ("log loss", "labels a class")):
        wide = table.pivot_table(value, by, "variance", observed=True)
        wide.loc["mean"] = wide.mean()
        print(wide.round(1 if value == "accuracy" else 3).to_markdown(), "\n")


if __name__ == "__main__":
    main()
