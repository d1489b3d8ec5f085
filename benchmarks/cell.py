"""A grid cell in lockstep against the same loop written with scikit-learn and scikit-activeml.

Run: python -m benchmarks.cell                                      (a small cell; a few minutes)
     python -m benchmarks.cell -n 20000 --seeds 10 --rounds 15      (2,560 rounds; the loop's sample takes an hour)

Ours runs every run of the cell: 2 initial pools × 8 strategies × seeds, in the blocks of the pipeline, one process.
The loop runs --sample runs of each strategy (each round: fit scikit-learn's logistic regression on the labelled rows,
score the test set, ask scikit-activeml), and the rest is taken to cost as much. Initial pools are given to both. A
run's picks are compared up to the first round in which they differ, where the strategy draws nothing. With float32
features and its tolerance of 1e-6 scikit-learn stops short of the optimum, so that near ties
fall either way; --exact takes that away.
"""

import warnings
from collections import defaultdict

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks.head import clusters
from benchmarks.machine import clock, describe, number, parser
from nofreelunch.cells.experiment import block_runs
from nofreelunch.cells.metrics import score
from nofreelunch.cells.simulation import Cell, Curve, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.pools import typiclust
from nofreelunch.selection.query import Start
from nofreelunch.selection.strategies import STRATEGIES

NAMES = ("random", "margin", "entropy", "least_confident", "coreset", "badge", "typiclust", "dropquery")
DETERMINISTIC = ("margin", "entropy", "least_confident", "coreset")
PENALTY = 100.0


def grid(cell: Cell, seeds: int, initial: int, batch: int, rounds: int) -> list[Run]:
    runs = []
    for seed in range(seeds):
        start = Start(cell.geometry(seed), np.arange(len(cell.pool)), initial, np.random.default_rng(seed))
        pools = {"random": start.rng.permutation(len(cell.pool))[:initial], "typiclust": typiclust.select(start)}
        for name in NAMES:
            entry = STRATEGIES[name]
            runs += [
                Run(ips=ips, strategy=name, seed=seed, initial=rows, entry=entry, batch=batch, rounds=rounds)
                for ips, rows in pools.items()
            ]
    return sorted(runs, key=lambda run: (run.seed, run.strategy, run.ips))


def ours(cell: Cell, labels: np.ndarray, runs: list[Run]) -> tuple[dict[str, float], list[Curve]]:
    """CPU seconds by strategy, and the curves. A block holds several strategies: its time is shared out by what each
    run says it spent on queries and fits, the rest evenly."""
    spent: dict[str, float] = defaultdict(float)
    curves: list[Curve] = []
    size = block_runs()
    for first in range(0, len(runs), size):
        block = runs[first : first + size]
        started = clock()
        done = simulate(cell, lambda rows, seed: labels[rows], block)
        took = clock() - started
        own = np.array([curve.seconds.sum() for curve in done])
        shares = own * min(1, took / own.sum())
        for run, share in zip(block, shares, strict=True):
            spent[run.strategy] += share + (took - shares.sum()) / len(block)
        curves += done
    return spent, curves


def strategy_of(name: str, seed: int):
    from skactiveml import pool

    clustering = {"cluster_algo_dict": {"n_init": 1, "max_iter": 20}, "random_state": seed}
    return {
        "random": lambda: pool.RandomSampling(random_state=seed),
        "margin": lambda: pool.UncertaintySampling(method="margin_sampling", random_state=seed),
        "entropy": lambda: pool.UncertaintySampling(method="entropy", random_state=seed),
        "least_confident": lambda: pool.UncertaintySampling(method="least_confident", random_state=seed),
        "coreset": lambda: pool.CoreSet(random_state=seed),
        "badge": lambda: pool.Badge(random_state=seed),
        "typiclust": lambda: pool.TypiClust(k=20, **clustering),
        "dropquery": lambda: pool.DropQuery(n_dropout_samples=3, **clustering),
    }[name]()


def loop(cell: Cell, labels: np.ndarray, run: Run, exact: bool) -> tuple[float, np.ndarray]:
    """The same run with the two libraries: CPU seconds and rows in order of acquisition."""
    from skactiveml.classifier import SklearnClassifier

    started = clock()
    strategy = strategy_of(run.strategy, run.seed)
    y = np.full(len(labels), np.nan)
    acquired = run.initial
    y[acquired] = labels[acquired]
    tol, dtype = (1e-10, np.float64) if exact else (1e-6, np.float32)
    pool, test = cell.pool.astype(dtype), cell.test.astype(dtype)
    head = SklearnClassifier(
        LogisticRegression(C=PENALTY, tol=tol, max_iter=100_000), classes=np.arange(cell.class_count)
    )
    for done in range(run.rounds + 1):
        head.fit(pool, y)
        score(head.predict_proba(test).astype(np.float32), cell.test_labels)
        if done == run.rounds:
            break
        options = {"X": pool, "y": y, "batch_size": run.batch}
        if run.entry.uses_head:
            options |= {"clf": head, "fit_clf": False}
        rows = np.asarray(strategy.query(**options))
        y[rows] = labels[rows]
        acquired = np.concatenate([acquired, rows])
    return clock() - started, acquired


def agreement(run: Run, one: np.ndarray, other: np.ndarray) -> str:
    """Rounds with the same picks, and how many differ in the first round that has others."""
    for done in range(run.rounds):
        batch = slice(run.initial.size + done * run.batch, run.initial.size + (done + 1) * run.batch)
        if different := len(set(one[batch]) - set(other[batch])):
            return f"{done} of {run.rounds}, then {different} of {run.batch} differ"
    return f"all {run.rounds}"


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("-n", type=int, default=4_000, help="pool rows")
    flags.add_argument("-d", type=int, default=384, help="dimensions")
    flags.add_argument("-C", type=int, default=4, help="classes")
    flags.add_argument("--seeds", type=int, default=2)
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--batch", type=int, default=100, help="batch and initial pool")
    flags.add_argument("--exact", action="store_true", help="the loop in float64 to the optimum: to compare picks")
    flags.add_argument("--only", default=",".join(NAMES), help="strategies that the loop takes, separated by commas")
    flags.add_argument("--sample", type=int, default=1, help="runs of each strategy that the loop takes")
    chosen = flags.parse_args()
    warnings.filterwarnings("ignore")
    with threadpool_limits(1):
        features, labels = clusters(chosen.n + 5000, chosen.d, chosen.C)
        pool, test = features[: chosen.n], features[chosen.n :]
        labels, hidden = labels[: chosen.n], labels[chosen.n :]
        cell = Cell.of("benchmark", "clusters", pool, test, hidden, chosen.C, LogisticSpec(C=PENALTY, intercept="free"))
        runs = grid(cell, chosen.seeds, chosen.batch, chosen.batch, chosen.rounds)
        rounds = len(runs) * (chosen.rounds + 1)
        print(f"{describe()}\nn = {chosen.n}, d = {chosen.d}, C = {chosen.C}; {len(runs)} runs, {rounds} rounds\n")
        spent, curves = ours(cell, labels, runs)
        print(
            f"| strategy | ours, CPU s for {len(runs) // len(NAMES)} runs | loop, CPU s for one | ratio | same picks |"
        )
        print("|---|---|---|---|---|")
        total = 0.0
        for name in chosen.only.split(","):
            mine = [i for i, run in enumerate(runs) if run.strategy == name]
            done = [loop(cell, labels, runs[i], chosen.exact) for i in mine[: chosen.sample]]
            each = float(np.mean([seconds for seconds, _ in done]))
            total += each * len(mine)
            same = [agreement(runs[i], curves[i].acquired, rows) for i, (_, rows) in zip(mine, done, strict=False)]
            print(
                f"| {name} | {number(spent[name])} | {number(each)} | {number(each * len(mine) / spent[name])} | "
                f"{'; '.join(same) if name in DETERMINISTIC else ''} |",
                flush=True,
            )
        whole = sum(spent[name] for name in chosen.only.split(","))
        print(f"\nIn all: ours {whole:.1f} CPU s, the loop {total:.0f} CPU s (extrapolated): {total / whole:.0f} ×")


if __name__ == "__main__":
    main()
