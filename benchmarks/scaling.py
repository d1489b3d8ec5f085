"""How the cost of a round grows with the pool, the dimensions, the classes and the runs, and how far it is from the
floor.

Run: python -m benchmarks.scaling        (a few minutes)

From a base cell one factor at a time is doubled and doubled again. CPU seconds of a query are medians and include
scoring the pool where the strategy looks at the head; `× per doubling` is the growth over the last doubling. The floor
of a query is the larger of what it must read, the pool once, over the memory's bandwidth, and what it must compute, as
the last column says, over the peak of a square matrix product; both are measured on the spot.
"""

import time
import warnings
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.head import clusters
from benchmarks.machine import bandwidth, describe, flops, number, parser, seconds
from benchmarks.query import BATCH, PENALTY, Case
from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.strategies import STRATEGIES

NAMES = ("margin", "coreset", "badge", "typiclust", "bait", "dropquery", "alfamix", "falcun")
BASE = {"n": 5_000, "d": 256, "C": 4}
FACTORS = {"n": (5_000, 10_000, 20_000, 40_000), "d": (256, 512, 1024), "C": (4, 16, 64)}


def queries(factor: str, names: tuple[str, ...]) -> None:
    values = FACTORS[factor]
    print(f"\n| query, CPU s | {' | '.join(f'{factor} = {value}' for value in values)} | × per doubling |")
    print("|" + "---|" * (len(values) + 2))
    cases = [Case.of(**{{"n": "n", "d": "d", "C": "classes"}[k]: v for k, v in (BASE | {factor: value}).items()})
             for value in values]  # fmt: skip
    for name in names:
        times = [seconds(case.ours(name)) for case in cases]
        doublings = np.log2(values[-1] / values[-2])
        growth = (times[-1] / times[-2]) ** (1 / doublings)
        print(f"| {name} | {' | '.join(number(t) for t in times)} | {growth:.2f} |", flush=True)


def runs(counts: tuple[int, ...] = (1, 2, 4, 8, 16)) -> None:
    features, labels = clusters(BASE["n"] + 2000, BASE["d"], BASE["C"])
    n = BASE["n"]
    cell = Cell.of(
        "benchmark",
        "clusters",
        features[:n],
        features[n:],
        labels[n:],
        BASE["C"],
        LogisticSpec(C=PENALTY, intercept="free"),
    )
    print(f"\n| 5 rounds in lockstep, CPU s per run | {' | '.join(f'{count} runs' for count in counts)} |")
    print("|" + "---|" * (len(counts) + 1))
    for name in ("margin", "badge", "typiclust"):
        entry = STRATEGIES[name]

        def simulated(count: int, name: str = name, entry=entry) -> Callable[[], object]:
            block = [
                Run(
                    ips="random",
                    strategy=name,
                    seed=seed,
                    initial=np.random.default_rng(seed).permutation(n)[:BATCH],
                    entry=entry,
                    batch=BATCH,
                    rounds=5,
                )
                for seed in range(count)
            ]
            return lambda: simulate(cell, lambda rows, seed: labels[rows], block)

        times = [number(seconds(simulated(count), repeats=1) / count) for count in counts]
        print(f"| {name} | {' | '.join(times)} |", flush=True)


def floor(n: int = 20_000, d: int = 384, classes: int = 4) -> None:
    peak, stream = flops(2048, 2048, 2048), bandwidth()
    print(
        f"\nPeak {peak / 1e9:.0f} GFLOP/s (2048³), memory {stream / 1e9:.1f} GB/s. n = {n}, d = {d}, C = {classes}:\n"
    )
    print("| query | floor, s | CPU s | ÷ floor | what the floor counts |\n|---|---|---|---|---|")
    case = Case.of(n, d, classes)
    read = 4 * n * d / stream
    for name, shared, operations, what in (
        ("margin", False, 2 * n * d * classes, "read the pool, multiply it with the head"),
        ("coreset", True, 2 * n * d, "read the pool; the distances to the labelled are there"),
        ("badge", False, 2 * n * d * classes, "read the pool, multiply it with the head"),
        ("badge", False, 2 * n * d * BATCH, "multiply the pool with the batch"),
        ("dropquery", False, 3 * 2 * n * d * classes, "read the pool, multiply it with the head three times"),
        ("probcover", False, n * n * d, "multiply the pool with itself, each pair once"),
    ):
        least = max(read, operations / peak)
        work = case.ours(name, shared)
        work()
        took = seconds(work)
        print(f"| {name}{' (shared)' if shared else ''} | {number(least)} | {number(took)} | {number(took / least)} "
              f"| {what} |", flush=True)  # fmt: skip


def cores(counts: tuple[int, ...] = (1, 2)) -> None:
    """Wall seconds of independent blocks over worker processes, as the pipeline spreads them."""
    import os

    from nofreelunch.compute import engine

    print(f"\n| 8 blocks of TypiClust queries | {' | '.join(f'{count} workers' for count in counts)} |")
    print("|" + "---|" * (len(counts) + 1))
    case = Case.of(**{"n": BASE["n"], "d": BASE["d"], "classes": BASE["C"]})
    times = []
    for count in counts:
        os.environ["NOFREELUNCH_JOBS"] = str(count)
        list(engine.map_unordered(_block, (case.features,), list(range(count))))
        started = time.perf_counter()
        list(engine.map_unordered(_block, (case.features,), list(range(8))))
        times.append(number(time.perf_counter() - started))
    print(f"| wall s | {' | '.join(times)} |")


def _block(features: np.ndarray, seed: int) -> int:
    from nofreelunch.space.geometry import kmeans
    from nofreelunch.space.rows import Rows

    with threadpool_limits(1):
        return int(kmeans(Rows(features), 300, np.random.default_rng(seed))[0].max())


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--only", default=",".join(NAMES), help="strategies, separated by commas")
    names = tuple(flags.parse_args().only.split(","))
    warnings.filterwarnings("ignore")
    with threadpool_limits(1):
        print(f"{describe()}\nBase: n = {BASE['n']}, d = {BASE['d']}, C = {BASE['C']}; 500 labelled, batch {BATCH}")
        for factor in FACTORS:
            queries(factor, names)
        runs()
        floor()
    cores()


if __name__ == "__main__":
    main()
