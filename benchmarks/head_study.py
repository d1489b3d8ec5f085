"""How the head's C, its intercept and centring matter: accuracy by labels, and which strategies come out best.

Run: python -m benchmarks.head_study --folder data/embeddings --keep head_study     (hours on one core; resumable)
     python -m benchmarks.head_study --keep head_study --tables                     (the tables of docs/head.md)
     python -m benchmarks.head_study --folder data/embeddings --shift docs_module/minilm          (what a shift costs)

--folder holds <task>/<embedder>.{train,test}.npy and .labels.json, as the stage embed writes them; every cell there is
run, or those of --cells (task/embedder, separated by commas). From a random start of 2 labels a class (8 to 120), 5
strategies ask for 5 batches of as many, under every head. A file for each cell, centring and intercept goes to --keep;
what is there is not run again. Strategies that do not look at the head pick once for all C.
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
from nofreelunch.base.options import options_model
from nofreelunch.base.randomness import generator
from nofreelunch.cells.metrics import METRICS
from nofreelunch.cells.simulation import Cell, Curve, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.scaling import scale
from nofreelunch.heads.softmax import Intercept
from nofreelunch.selection.query import Strategy
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.rows import unit_rows

PENALTIES = (1.0, 10.0, 100.0, 1000.0, "cv")
STYLES: list[tuple[bool, Intercept]] = [
    (True, "none"),
    (True, "free"),
    (True, "penalised"),
    (False, "none"),
    (False, "free"),
]
NAMES = ("random", "margin", "badge", "coreset", "typiclust")
SEEDS, ROUNDS = 5, 5
PER_CLASS, FEWEST, MOST = 2, 8, 120
POOL, TEST = 3000, 1500
SHIFT_LABELS, ANISOTROPY = 100, 0.91
HEAD = ["centre", "intercept", "C"]


def replay(curve: Curve, batch: int) -> Callable[..., np.ndarray]:
    """A strategy that picks what ``curve`` has picked."""
    return lambda query: curve.acquired[len(query.labelled) : len(query.labelled) + batch]


def runs_of(task: str, embedder: str, rows: int, batch: int) -> list[Run]:
    """Every strategy and seed, from the same random start for each seed."""
    starts = [generator("head study", task, embedder, seed).permutation(rows)[:batch] for seed in range(SEEDS)]
    return [
        Run(
            ips="random",
            strategy=name,
            seed=seed,
            initial=starts[seed],
            entry=entry,
            options=defaults,
            batch=batch,
            rounds=ROUNDS,
        )
        for name, entry in ((name, STRATEGIES[name]) for name in NAMES)
        for defaults in [options_model(entry.select)().model_dump()]
        for seed in range(SEEDS)
    ]


def measure(folder: Path, task: str, embedder: str, centre: bool, intercept: Intercept) -> pd.DataFrame:
    """One row for each C, strategy, seed and round: labels, METRICS and the head's C."""
    place = folder / task
    said = storage.read_json(place / f"{embedder}.labels.json")
    pool, test = (storage.read_npy(place / f"{embedder}.{split}.npy") for split in ("train", "test"))
    kept = generator("head study", task, "pool").permutation(len(pool))[:POOL]
    shown = generator("head study", task, "test").permutation(len(test))[:TEST]
    answers, truth = np.array(said["train"])[kept], np.array(said["test"])[shown]
    classes = len(said["classes"])
    batch = min(max(FEWEST, PER_CLASS * classes), MOST)
    features, hidden = scale(pool[kept], test[shown], "unit", centre=centre)
    runs = runs_of(task, embedder, len(features), batch)
    parts = []
    for C in PENALTIES:
        spec = LogisticSpec(C=C, intercept=intercept, centre=centre)  # type: ignore[arg-type]
        cell = Cell.of(task, embedder, features, hidden, truth, classes, spec)
        curves = simulate(cell, lambda rows, seed: answers[rows], runs)
        runs = [
            run
            if run.entry.uses_head
            else replace(run, entry=Strategy(replay(curve, batch), uses_head=False), options={})
            for run, curve in zip(runs, curves, strict=True)
        ]
        for run, curve in zip(runs, curves, strict=True):
            part = pd.DataFrame(curve.metrics, columns=list(METRICS))
            head = {"centre": centre, "intercept": intercept, "C": str(C)}
            where = {"task": task, "embedder": embedder, "strategy": run.strategy, "seed": run.seed}
            parts.append(part.assign(**where, **head, round=np.arange(len(part)), labels=curve.labels, chosen=curve.C))
    return pd.concat(parts, ignore_index=True)


def shifted(folder: Path, task: str, embedder: str) -> None:
    """Print accuracy at SHIFT_LABELS random labels with C = 10, as the embedding is and with a constant in one more
    feature, so long that the squared length of the mean unit row, the anisotropy, is ANISOTROPY."""
    place = folder / task
    said = storage.read_json(place / f"{embedder}.labels.json")
    rows = [unit_rows(np.asarray(storage.read_npy(place / f"{embedder}.{split}.npy"))) for split in ("train", "test")]
    answers, truth = np.array(said["train"]), np.array(said["test"])
    found = {}
    for name, length in (("as it is", 0.0), ("with a constant", np.sqrt(ANISOTROPY / (1 - ANISOTROPY)))):
        pool, test = (np.column_stack([part, np.full(len(part), length, np.float32)]) for part in rows)
        for (centre, intercept), seed in itertools.product(STYLES, range(SEEDS)):
            features, hidden = scale(pool, test, "unit", centre=centre)
            head = LogisticSpec(C=10.0, intercept=intercept, centre=centre)  # type: ignore[arg-type]
            cell = Cell.of(task, embedder, features, hidden, truth, len(said["classes"]), head)
            picked = generator("head study", "shift", seed).permutation(len(pool))[:SHIFT_LABELS]
            p = cell.fitting(seed)(picked, answers[picked]).probabilities(hidden)
            found.setdefault((centre, intercept), {}).setdefault(name, []).append((p.argmax(axis=1) == truth).mean())
    means = {style: {name: np.mean(values) for name, values in one.items()} for style, one in found.items()}
    show(pd.DataFrame(means).T, 3)


def cells_in(folder: Path) -> list[tuple[str, str]]:
    """(task, embedder) of what is there."""
    found = sorted(folder.glob("*/*.labels.json"))
    return [(path.parent.name, path.name.removesuffix(".labels.json")) for path in found]


def tables(frame: pd.DataFrame) -> None:
    """Print accuracy by round and by task, and how alike heads rank the strategies; of cells with all styles."""
    site, style = ["task", "embedder"], ["centre", "intercept"]
    whole = frame[style].drop_duplicates().shape[0] == frame.groupby(site)["style"].transform("nunique")
    frame = frame[whole]
    random = frame[frame["strategy"] == "random"]
    print(f"{frame.groupby(site).ngroups} cells of {frame['task'].nunique()} tasks and {SEEDS} seeds\n")
    print("Accuracy in % of random querying by labels (multiples of the start), their mean, and NLL at the end:\n")
    wide = 100 * random.pivot_table("accuracy", HEAD, "round", sort=False)
    wide.columns = [f"{number + 1} ×" for number in wide.columns]
    wide["mean"] = wide.mean(axis=1)
    wide["NLL"] = random[random["round"] == ROUNDS].groupby(HEAD, sort=False)["nll"].mean()
    show(wide, 1, NLL=2)

    for axis in site:
        print(f"\nThat mean by {axis}, at C = cv:\n")
        show(100 * random[random["C"] == "cv"].pivot_table("accuracy", axis, style, sort=False), 1)

    areas = frame.groupby([*site, *HEAD, "seed", "strategy"], sort=False)["accuracy"].mean().unstack("strategy")
    gains = 100 * areas.drop(columns="random").sub(areas["random"], axis=0)
    told = gains.groupby(HEAD, sort=False).mean()
    ranks, halves = (
        areas.groupby([*site, *HEAD, *extra], sort=False).mean().rank(axis=1)
        for extra in ([], [areas.index.get_level_values("seed") % 2])
    )
    told["ρ, C = 10"], told["ρ, C = cv"] = (alike(ranks, ranks.xs(C, level="C"), "C") for C in ("10.0", "cv"))
    told["ρ, penalised"] = alike(ranks, ranks.xs((True, "penalised"), level=style), *style)
    told["ρ, seeds"] = alike(halves.xs(0, level="seed"), halves.xs(1, level="seed"))
    print("\nGain over random querying in that mean, in points; and how the ranks of the five strategies in a cell go")
    print("with those at C = 10, at C = cv, under centring and a penalised intercept, and (even and odd seeds) with")
    print("themselves: Spearman's ρ, averaged over cells:\n")
    show(told, 2)

    print("\nThe C that was chosen, centred and penalised, in % of fits, by multiples of the start:\n")
    chosen = frame[(frame["C"] == "cv") & frame["centre"] & (frame["intercept"] == "penalised")]
    show(100 * pd.crosstab(chosen["round"] + 1, chosen["chosen"], normalize="index"), 0)


def alike(ranks: pd.DataFrame, others: pd.DataFrame, *without: str) -> pd.Series:
    """For each head the mean over cells of the correlation of ``ranks`` with those of ``others`` that have the same
    keys but for ``without``."""
    keys = ranks.index.droplevel(list(without)) if without else ranks.index
    matched = others.reorder_levels(keys.names).reindex(keys)
    rho = [np.corrcoef(one, other)[0, 1] for one, other in zip(ranks.to_numpy(), matched.to_numpy(), strict=True)]
    return pd.Series(rho, ranks.index).groupby(HEAD, sort=False).mean()


def show(table: pd.DataFrame, digits: int, **others: int) -> None:
    """Print it with a word for each head and so many digits, ``others`` for single columns."""
    index = [" ".join(word(part) for part in key) if isinstance(key, tuple) else str(key) for key in table.index]
    columns = [" ".join(word(part) for part in key) if isinstance(key, tuple) else str(key) for key in table.columns]
    floats = ("", *(f".{others.get(str(column), digits)}f" for column in table.columns))
    print(table.set_axis(index).set_axis(columns, axis=1).to_markdown(floatfmt=floats))


def word(part: object) -> str:
    """A part of a head's name."""
    return {True: "centred", False: "as is"}.get(part, str(part).removesuffix(".0"))  # type: ignore[call-overload]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("data/embeddings"))
    parser.add_argument("--keep", type=Path, default=Path("head_study"))
    parser.add_argument("--cells", help="task/embedder, separated by commas")
    parser.add_argument("--tables", action="store_true", help="no runs, only the tables of what is there")
    parser.add_argument("--shift", metavar="TASK/EMBEDDER", help="only show there what a constant feature costs")
    chosen = parser.parse_args()
    if chosen.shift:
        shifted(chosen.folder, *chosen.shift.split("/"))
        return
    named = [tuple(name.split("/")) for name in chosen.cells.split(",")] if chosen.cells else cells_in(chosen.folder)
    with threadpool_limits(1):
        for (task, embedder), (centre, intercept) in itertools.product([] if chosen.tables else named, STYLES):
            style = f"{'centred' if centre else 'as_is'}.{intercept}"
            path = chosen.keep / f"{task}.{embedder}.{style}.parquet"
            if not path.is_file():
                found = measure(chosen.folder, task, embedder, centre, intercept)
                storage.write_table(path, {name: found[name].to_numpy() for name in found.columns})
                print(f"{task}/{embedder} {style}", flush=True)
    parts = [pd.DataFrame(storage.read_table(path)) for path in sorted(chosen.keep.glob("*.parquet"))]
    frame = pd.concat(parts, ignore_index=True)
    order = pd.MultiIndex.from_tuples(STYLES).get_indexer(pd.MultiIndex.from_frame(frame[["centre", "intercept"]]))
    tables(frame.assign(style=order).sort_values(["style", "task", "embedder"], kind="stable"))


if __name__ == "__main__":
    main()
