"""How the head's C, its intercept and centring matter: accuracy by labels, and which strategies come out best.

Run: python -m benchmarks.head_study --folder data/embeddings --keep head_study     (hours on one core; resumable)
     python -m benchmarks.head_study --keep head_study --tables                     (the tables of docs/head.md)

--folder holds <task>/<embedder>.{train,test}.npy and .labels.json, as the stage embed writes them; every cell there is
run, or those of --cells (task/embedder, separated by commas). From a random start of 2 labels a class (8 to 120), 5
strategies ask for 5 batches of as many, under every head. One file a cell goes to --keep; what is there is not run
again. Strategies that do not look at the head pick once for all heads that see the same features.
"""

import argparse
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nofreelunch.base import storage
from nofreelunch.base.randomness import generator
from nofreelunch.cells.scores import METRICS
from nofreelunch.cells.simulation import Cell, Curve, Run, simulate
from nofreelunch.heads.scaling import scale
from nofreelunch.heads.spec import LogisticSpec
from nofreelunch.params import options_model
from nofreelunch.selection.strategies import STRATEGIES

PENALTIES = (1.0, 10.0, 100.0, 1000.0, "cv")
STYLES = [(True, "none"), (True, "free"), (True, "penalised"), (False, "none"), (False, "free")]
NAMES = ("random", "margin", "badge", "coreset", "typiclust")
SEEDS, ROUNDS = 5, 5
PER_CLASS, FEWEST, MOST = 2, 8, 120
POOL, TEST = 3000, 1500
HEAD = ["centre", "intercept", "C"]


def replay(curve: Curve, batch: int) -> Callable[..., np.ndarray]:
    """A strategy that picks what ``curve`` has picked."""
    return lambda query: curve.acquired[len(query.labelled) : len(query.labelled) + batch]


def runs_of(task: str, embedder: str, rows: int, batch: int) -> list[Run]:
    """Every strategy and seed, from the same random start for each seed."""
    starts = [generator("head study", task, embedder, seed).permutation(rows)[:batch] for seed in range(SEEDS)]
    return [
        Run("random", name, seed, starts[seed], entry.select, defaults, entry.uses_head, batch, ROUNDS)
        for name, entry in ((name, STRATEGIES[name]) for name in NAMES)
        for defaults in [options_model(entry.select)().model_dump()]
        for seed in range(SEEDS)
    ]


def measure(folder: Path, task: str, embedder: str) -> pd.DataFrame:
    """One row for each head, strategy, seed and round: labels, METRICS and the head's C."""
    place = folder / task
    said = storage.read_json(place / f"{embedder}.labels.json")
    pool, test = (storage.read_npy(place / f"{embedder}.{split}.npy") for split in ("train", "test"))
    kept = generator("head study", task, "pool").permutation(len(pool))[:POOL]
    shown = generator("head study", task, "test").permutation(len(test))[:TEST]
    answers, truth = np.array(said["train"])[kept], np.array(said["test"])[shown]
    classes = len(said["classes"])
    batch = min(max(FEWEST, PER_CLASS * classes), MOST)
    parts = []
    for centre in (True, False):
        features, hidden = scale(pool[kept], test[shown], "unit", centre=centre)
        runs = runs_of(task, embedder, len(features), batch)
        for intercept, C in itertools.product((style for centred, style in STYLES if centred == centre), PENALTIES):
            spec = LogisticSpec(C=C, intercept=intercept, centre=centre)  # type: ignore[arg-type]
            cell = Cell.of(task, embedder, features, hidden, truth, classes, spec)
            curves = simulate(cell, lambda rows, seed: answers[rows], runs)
            runs = [
                run if run.uses_head else replace(run, select=replay(curve, batch), options={})
                for run, curve in zip(runs, curves, strict=True)
            ]
            for run, curve in zip(runs, curves, strict=True):
                part = pd.DataFrame(curve.metrics, columns=list(METRICS))
                head = {"centre": centre, "intercept": intercept, "C": str(C)}
                where = {"task": task, "embedder": embedder, "strategy": run.strategy, "seed": run.seed}
                parts.append(
                    part.assign(**where, **head, round=np.arange(len(part)), labels=curve.labels, chosen=curve.C)
                )
    return pd.concat(parts, ignore_index=True)


def cells_in(folder: Path) -> list[tuple[str, str]]:
    """(task, embedder) of what is there."""
    found = sorted(folder.glob("*/*.labels.json"))
    return [(path.parent.name, path.name.removesuffix(".labels.json")) for path in found]


def tables(frame: pd.DataFrame) -> None:
    """Print accuracy by round, the areas under the curves, and how alike heads rank the strategies."""
    site = ["task", "embedder"]
    random = frame[frame["strategy"] == "random"]
    print(f"{frame.groupby(site).ngroups} cells of {frame['task'].nunique()} tasks\n")
    print("Accuracy in % of random querying by labels (multiples of the start), then NLL at the end:\n")
    wide = 100 * random.pivot_table("accuracy", HEAD, "round", sort=False)
    wide.columns = [f"{number + 1} ×" for number in wide.columns]
    wide["area"] = wide.mean(axis=1)
    wide["NLL"] = random[random["round"] == ROUNDS].groupby(HEAD, sort=False)["nll"].mean()
    print(wide.round(2).to_markdown())

    print("\nArea in % of random querying by embedder:\n")
    print((100 * random.pivot_table("accuracy", HEAD, "embedder", sort=False)).round(1).to_markdown())

    areas = frame.groupby([*site, *HEAD, "strategy", "seed"], sort=False)["accuracy"].mean().unstack("strategy")
    gains = 100 * areas.drop(columns="random").sub(areas["random"], axis=0).groupby([*site, *HEAD], sort=False).mean()
    print("\nGain in area over random querying, in points, mean over cells; how the five strategies' ranks in a cell\n")
    print("go with those under the head beside it: mean Spearman's ρ over cells with C = 10, and with C = cv:\n")
    ranks = areas.groupby([*site, *HEAD], sort=False).mean().rank(axis=1)
    told = gains.groupby(HEAD, sort=False).mean()
    for other in ("10.0", "cv"):
        base = ranks.xs(other, level="C")
        rho = ranks.apply(lambda row, base=base: row.corr(base.loc[(*row.name[:2], *row.name[2:4])]), axis=1)
        told[f"ρ with {other}"] = rho.groupby(HEAD, sort=False).mean()
    print(told.round(2).to_markdown())

    print("\nRanks under centring and no intercept against those under the other styles, at the same C: mean ρ\n")
    base = ranks.xs((True, "none"), level=("centre", "intercept"))
    rho = ranks.apply(lambda row: row.corr(base.loc[(*row.name[:2], row.name[4])]), axis=1)
    print(rho.groupby(HEAD, sort=False).mean().unstack("C", sort=False).round(2).to_markdown())

    print("\nThe C that was chosen, in % of fits, by multiples of the start:\n")
    chosen = frame[(frame["C"] == "cv") & frame["centre"] & (frame["intercept"] == "none")]
    shares = pd.crosstab(chosen["round"] + 1, chosen["chosen"], normalize="index")
    print((100 * shares).round(0).astype(int).to_markdown())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("data/embeddings"))
    parser.add_argument("--keep", type=Path, default=Path("head_study"))
    parser.add_argument("--cells", help="task/embedder, separated by commas")
    parser.add_argument("--tables", action="store_true", help="no runs, only the tables of what is there")
    chosen = parser.parse_args()
    named = [tuple(name.split("/")) for name in chosen.cells.split(",")] if chosen.cells else cells_in(chosen.folder)
    with threadpool_limits(1):
        for task, embedder in [] if chosen.tables else named:
            path = chosen.keep / f"{task}.{embedder}.parquet"
            if not path.is_file():
                found = measure(chosen.folder, task, embedder)
                storage.write_table(path, {name: found[name].to_numpy() for name in found.columns})
                print(f"{task}/{embedder}", flush=True)
    tables(pd.concat([pd.DataFrame(storage.read_table(path)) for path in sorted(chosen.keep.glob("*.parquet"))]))


if __name__ == "__main__":
    main()
