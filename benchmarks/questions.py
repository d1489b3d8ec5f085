"""The runs behind the study's further questions: transfer, implementation, budget and noise.

Run in a folder whose grid was run (data/embeddings, data/pools, data/runs):

    python -m benchmarks.questions transfer FOLDER
    python -m benchmarks.questions implementation FOLDER     (needs benchmarks/requirements-peers.txt)
    python -m benchmarks.questions budget FOLDER             (100 + 15 × 100 labels beside the grid's budget)
    python -m benchmarks.questions noise FOLDER

Each writes FOLDER/runs/<question>.parquet, which `render FOLDER` makes tables and figures of, task by task, and goes on
where it was stopped.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nofreelunch import params
from nofreelunch.base import layout, storage
from nofreelunch.base.storage import Memo
from nofreelunch.cells.cell_files import Data, budget_for, read_data, read_pools
from nofreelunch.cells.experiment import Plan, active_learn
from nofreelunch.cells.initial_pools import initial_pools
from nofreelunch.cells.metrics import score
from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.compute import engine
from nofreelunch.evaluation.aulc import aulc
from nofreelunch.evaluation.questions import BUDGET, IMPLEMENTATION, NOISE, OURS, OWN, PAPERS, TRANSFER
from nofreelunch.evaluation.runs import BASELINE
from nofreelunch.heads.scaling import scale
from nofreelunch.params import Params
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.tasks.annotator import Exact, Next, Symmetric

Rows = list[tuple[object, ...]]
PEER = "scikit-activeml"
NOISES = [
    kind(noise=name, rate=rate) for kind, name in ((Symmetric, "symmetric"), (Next, "next")) for rate in (0.1, 0.2)
]


def cell_of(wanted: Params, dataset: str, embedder: str, data: Data) -> Cell:
    pool, test = scale(data.pool, data.test, wanted.head.scaling, centre=wanted.head.centre)
    return Cell.of(dataset, embedder, pool, test, data.test_labels, data.class_count, wanted.head)


def transfer(wanted: Params, dataset: str, chosen: argparse.Namespace) -> Rows:
    """Heads on every learner's vectors, on the rows that runs with every chooser's vectors acquired."""
    rows: Rows = []
    acquired = {name: pd.DataFrame(storage.read_table(layout.acquired(dataset, name))) for name in chosen.embedders}
    for learner in chosen.embedders:
        data = read_data(dataset, learner)
        cell = cell_of(wanted, dataset, learner, data)
        for chooser, table in acquired.items():
            inside = (table["ips"] == BASELINE) & (table["seed"] < chosen.seeds)
            for (strategy, seed), part in table[inside].groupby(["strategy", "seed"], sort=False):
                if strategy not in chosen.strategies:
                    continue
                last = int(part["round"].max())
                for done in (last // 4, last // 2, last):
                    picked = part.loc[part["round"] <= done, "row"].to_numpy(dtype=np.int64)
                    head = cell.fitting(int(seed))(picked, data.pool_labels[picked])
                    accuracy = score(head.probabilities(cell.test), cell.test_labels)[0]
                    rows.append((dataset, chooser, learner, strategy, int(seed), len(picked), float(accuracy)))
    return rows


def same_head(query: Query):
    """A scikit-activeml classifier that answers with our head's probabilities."""
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    head = query.head
    classifier = SklearnClassifier(LogisticRegression(), classes=np.arange(head.class_count))
    classifier.fit(query.features[query.labelled], query.labels)
    classifier.predict_proba = lambda X: head.probabilities(np.asarray(X, np.float32)).astype(np.float64)
    return classifier


def peer(name: str) -> Callable[..., np.ndarray]:
    """scikit-activeml's strategy of this name, its defaults but one start of k-means, as one of ours."""
    from skactiveml import pool

    def select(query: Query) -> np.ndarray:
        seed = int(query.rng.integers(2**31))
        X, y = query.features.astype(np.float64), np.full(len(query.features), np.nan)
        y[query.labelled] = query.labels
        asked = {"X": X, "y": y, "batch_size": min(query.batch_size, len(query.candidates))}
        if name == "badge":
            found = pool.Badge(random_state=seed).query(**asked, clf=same_head(query), fit_clf=False)
        elif name == "coreset":
            found = pool.CoreSet(random_state=seed).query(**asked)
        else:
            clustering = {"cluster_algo_dict": {"n_init": 1}, "random_state": seed}
            found = pool.TypiClust(**clustering).query(**asked)
        return np.asarray(found, np.int64)

    return select


def implementation(wanted: Params, dataset: str, chosen: argparse.Namespace) -> Rows:
    """Our strategies and scikit-activeml's in the same loop, from the same random starts, with the same head."""
    rows: Rows = []
    for embedder in chosen.embedders:
        data = read_data(dataset, embedder)
        cell, pools = cell_of(wanted, dataset, embedder, data), read_pools(dataset, embedder, len(data.pool))
        budget = budget_for(wanted, dataset, data.class_count, len(data.pool))
        entries = [
            (BASELINE, OURS, STRATEGIES[BASELINE]),
            *((n, OURS, STRATEGIES[n]) for n in chosen.peers),
        ]
        entries += [(name, PEER, replace(STRATEGIES[name], select=peer(name))) for name in chosen.peers]
        for name, code, entry in entries:
            runs = [
                Run(
                    ips=BASELINE,
                    strategy=name,
                    seed=seed,
                    initial=_start(pools, seed),
                    entry=entry,
                    batch=budget.batch,
                    rounds=budget.rounds,
                )
                for seed in range(chosen.seeds)
            ]
            for seed, curve in enumerate(simulate(cell, lambda picked, _, said=data.pool_labels: said[picked], runs)):
                area = aulc(curve.labels.astype(np.float64), curve.metrics[:, 0])
                rows.append((dataset, embedder, name, code, seed, float(area)))
    return rows


def _start(pools: dict[str, np.ndarray], seed: int) -> np.ndarray:
    return pools["row"][(pools["ips"] == BASELINE) & (pools["seed"] == seed)].astype(np.int64)


def budget(wanted: Params, dataset: str, chosen: argparse.Namespace) -> Rows:
    """Runs from random starts under the paper's budget, and the grid's own runs of the same seeds."""
    rows: Rows = []
    few = {"pools": [BASELINE], "strategies": list(chosen.strategies), "seeds": chosen.seeds}
    own = {"datasets": wanted.datasets | {dataset: wanted.datasets[dataset].model_copy(update={"budget": None})}}
    grid = wanted.grid.model_copy(update=few)
    papers = wanted.model_copy(
        update=own | {"grid": grid, "budget": wanted.budget.model_copy(update={"track": "glae"})}
    )
    for embedder in chosen.embedders:
        frame = pd.DataFrame(storage.read_table(layout.runs(dataset, embedder)))
        frame = frame[(frame["ips"] == BASELINE) & (frame["seed"] < chosen.seeds)]
        for (strategy, seed), part in frame.groupby(["strategy", "seed"], sort=False):
            if strategy in chosen.strategies:
                area = aulc(part["labels"].to_numpy(np.float64), part["accuracy"].to_numpy(np.float64))
                rows.append((dataset, embedder, OWN, strategy, int(seed), float(area)))
        data, memo = read_data(dataset, embedder), Memo.default()
        pools = initial_pools(papers, dataset, embedder, data.pool, data.class_count, memo)
        plan = Plan.of(papers, dataset, embedder, data, {name: np.asarray(pools[name]) for name in pools})
        entries = plan.found(memo)
        work = plan.work(entries)
        for made in engine.map_unordered(work.function, work.shared, work.arguments):
            memo.save_all(made.entries)
            entries |= made.entries
        for key, run in plan.runs.items():
            area = aulc(entries[key]["labels"].astype(np.float64), entries[key]["metrics"][:, 0])
            rows.append((dataset, embedder, PAPERS, run.strategy, run.seed, float(area)))
    return rows


def noise(wanted: Params, dataset: str, chosen: argparse.Namespace) -> Rows:
    """Runs from random starts under four kinds of noise, and without."""
    rows: Rows = []
    few = {"pools": [BASELINE], "strategies": list(chosen.strategies), "seeds": chosen.seeds}
    grid = wanted.grid.model_copy(update=few)
    for annotator in (Exact(), *NOISES):
        kind, rate = annotator.noise, getattr(annotator, "rate", 0.0)
        noisy = wanted.model_copy(update={"grid": grid, "annotator": annotator})
        for embedder in chosen.embedders:
            found = active_learn(noisy, dataset, embedder, read_data(dataset, embedder), Memo.default()).runs
            frame = pd.DataFrame(found)
            for (strategy, seed), part in frame.groupby(["strategy", "seed"], sort=False):
                area = aulc(part["labels"].to_numpy(np.float64), part["accuracy"].to_numpy(np.float64))
                rows.append((dataset, embedder, kind, rate, strategy, int(seed), float(area)))
    return rows


QUESTIONS = {
    "transfer": (transfer, TRANSFER),
    "implementation": (implementation, IMPLEMENTATION),
    "budget": (budget, BUDGET),
    "noise": (noise, NOISE),
}


def names(text: str) -> list[str]:
    return text.split(",")


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("question", choices=sorted(QUESTIONS))
    flags.add_argument("folder", type=Path)
    flags.add_argument("--embedders", type=names, default=["lsa", "potion_8m", "minilm", "mpnet"])
    flags.add_argument(
        "--strategies", type=names, default=["random", "margin", "badge", "coreset", "typiclust", "dropquery"]
    )
    flags.add_argument("--peers", type=names, default=["badge", "coreset", "typiclust"])
    flags.add_argument("--seeds", type=int, default=5)
    chosen = flags.parse_args()
    warnings.filterwarnings("ignore")
    compute, columns = QUESTIONS[chosen.question]
    wanted = params.load()
    path = chosen.folder / "runs" / f"{chosen.question}.parquet"
    done = pd.DataFrame(storage.read_table(path)) if path.is_file() else pd.DataFrame(columns=list(columns))
    with threadpool_limits(1):
        for dataset in wanted.grid.datasets:
            if dataset in set(done["dataset"]):
                continue
            part = pd.DataFrame(compute(wanted, dataset, chosen), columns=list(columns))
            done = part if done.empty else pd.concat([done, part], ignore_index=True)
            storage.write_table(path, {name: done[name].to_numpy() for name in columns})
            print(f"{chosen.question}: {dataset}, {len(part)} rows", flush=True)


if __name__ == "__main__":
    main()
