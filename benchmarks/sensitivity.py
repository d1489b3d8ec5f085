"""How the head's C and feature scaling matter: accuracy of a linear probe on random labels.

Run after `dvc repro embed`: python -m benchmarks.sensitivity

For each task and embedder of params.yaml, the mean test accuracy over 3 random labelled sets of each size; then the
mean over all of them, and the mean shortfall to the best (C, scaling) of each (task, embedder, size).
"""

import itertools

import pandas as pd
from threadpoolctl import threadpool_limits

from nofreelunch import params
from nofreelunch.base.randomness import generator
from nofreelunch.cells.cell_files import read_data
from nofreelunch.cells.scores import METRICS, score
from nofreelunch.cells.simulation import Cell
from nofreelunch.compute.engine import map_unordered
from nofreelunch.heads.scaling import scale
from nofreelunch.heads.spec import LogisticSpec

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
SCALINGS = ("none", "unit", "standardize")
SIZES = (100, 400, 1600)
SEEDS = 3


def measure(cell: tuple[str, str]) -> list[dict[str, object]]:
    dataset, embedder = cell
    data = read_data(dataset, embedder)
    rows = []
    with threadpool_limits(1):
        for scaling in SCALINGS:
            pool, test = scale(data.pool, data.test, scaling)  # type: ignore[arg-type]
            for C in PENALTIES:
                made = Cell.of(dataset, embedder, pool, test, data.test_labels, data.class_count, LogisticSpec(C=C))
                for size, seed in itertools.product(SIZES, range(SEEDS)):
                    chosen = generator("sensitivity", dataset, size, seed).permutation(len(pool))[:size]
                    head = made.fitting(seed)(chosen, data.pool_labels[chosen])
                    scores = score(head.probabilities(test), data.test_labels)
                    keys = {"dataset": dataset, "embedder": embedder, "scaling": scaling, "C": C, "labels": size}
                    rows.append(keys | dict(zip(METRICS, scores, strict=True)))
    return rows


def main() -> None:
    grid = params.load().grid
    cells = list(itertools.product(grid.datasets, grid.embedders))
    frame = pd.DataFrame([row for rows in map_unordered(measure, (), cells) for row in rows])
    settings, places = ["scaling", "C"], ["dataset", "embedder", "labels"]
    means = frame.groupby([*places, *settings], sort=False)[["accuracy", "nll"]].mean().reset_index()
    best = means.groupby(places)["accuracy"].transform("max")
    means["shortfall"] = best - means["accuracy"]
    pd.options.display.width = 200
    print("Accuracy by labels, and the mean and worst shortfall to the best setting of each task, embedder and size:")
    wide = means.pivot_table("accuracy", settings, "labels", sort=False)
    wide["mean shortfall"] = means.groupby(settings, sort=False)["shortfall"].mean()
    wide["worst shortfall"] = means.groupby(settings, sort=False)["shortfall"].max()
    wide["nll"] = means.groupby(settings, sort=False)["nll"].mean()
    print(wide.round(3).to_markdown())
    print("\nBest setting of each task and embedder at 400 labels:")
    top = (
        means[means["labels"] == 400].sort_values("accuracy", ascending=False).groupby(["dataset", "embedder"]).head(1)
    )
    print(top.sort_values(["dataset", "embedder"]).round(3).to_markdown(index=False))


if __name__ == "__main__":
    main()
