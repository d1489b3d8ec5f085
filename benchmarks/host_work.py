"""What learning on a device leaves to its host, and how often it waits: measured where there is no GPU, too.

Run: python -m benchmarks.host_work                         (n = 20,000 rows, d = 384, C = 4; a minute or two)
     python -m benchmarks.host_work -d 1024 -C 77 --runs 3

For each strategy a block of runs advances together on torch's CPU device, on one thread. Of a round of a run are shown
the operations that torch is asked for (on a GPU each is a launch, of some microseconds of the host), the copies to the
host, for each of which it waits, and the host's own CPU seconds: all but those within torch's operations, and but what
the counting costs, which is measured first. They, and the launches, bound what a GPU can reach. Round 0, which is the
same for all strategies, is left out.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.head import clusters
from benchmarks.machine import describe, number, parser
from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.device import VARIABLE, DeviceRows

NAMES = "random,margin,entropy,coreset,badge,falcun,typiclust,dropquery,alfamix,bait"
BATCH, PENALTY, ROUNDS = 100, 10.0, 2
COUNTED = 20_000


class Operations(TorchDispatchMode):
    """Counts torch's operations and the CPU seconds within them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.seconds = 0, 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        started = time.thread_time()
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.seconds += time.thread_time() - started
            self.calls += 1


def counting() -> float:
    """CPU seconds outside torch that one counted operation costs, most of them the counting's."""
    one, found = torch.zeros(1), []
    # The first time torch imports more of itself.
    for _ in range(3):
        started = time.thread_time()
        with Operations() as counted:
            for _ in range(COUNTED):
                one.add_(1)
        found.append((time.thread_time() - started - counted.seconds) / COUNTED)
    return min(found)


@contextmanager
def copies() -> Iterator[list[int]]:
    """The sizes of the arrays that come down."""
    sizes: list[int] = []
    down = DeviceRows.down

    def noted(self: DeviceRows, array: Any) -> Any:
        sizes.append(array.nbytes)
        return down(self, array)

    DeviceRows.down = noted  # type: ignore[method-assign]
    try:
        yield sizes
    finally:
        DeviceRows.down = down  # type: ignore[method-assign]


def work(cell: Cell, labels: np.ndarray, name: str, count: int, rounds: int, each: float) -> np.ndarray:
    """Operations, copies, MiB of them, CPU seconds within torch and outside, of ``count`` runs and so many rounds."""
    runs = [
        Run(
            ips="random",
            strategy=name,
            seed=seed,
            initial=np.random.default_rng(seed).permutation(len(cell.pool))[:BATCH],
            entry=STRATEGIES[name],
            batch=BATCH,
            rounds=rounds,
        )
        for seed in range(count)
    ]
    started = time.thread_time()
    with copies() as sizes, Operations() as counted:
        simulate(cell, lambda rows, seed: labels[rows], runs)
    outside = time.thread_time() - started - counted.seconds - counted.calls * each
    return np.array([counted.calls, len(sizes), sum(sizes) / 2**20, counted.seconds, outside])


def main() -> None:
    """Print a line for each strategy."""
    flags = parser(__doc__)
    flags.add_argument("-n", type=int, default=20_000, help="pool rows")
    flags.add_argument("-d", type=int, default=384, help="dimensions")
    flags.add_argument("-C", type=int, default=4, help="classes")
    flags.add_argument("--runs", type=int, default=6, help="runs of a block")
    flags.add_argument("--only", default=NAMES, help="strategies, separated by commas")
    chosen = flags.parse_args()
    os.environ[VARIABLE] = "torch"
    torch.set_num_threads(1)
    features, labels = clusters(chosen.n + chosen.n // 4, chosen.d, chosen.C)
    pool, test = features[: chosen.n], features[chosen.n :]
    cell = Cell.of("benchmark", "clusters", pool, test, labels[chosen.n :], chosen.C, LogisticSpec(C=PENALTY))
    each = counting()
    print(f"{describe()}\nn = {chosen.n}, d = {chosen.d}, C = {chosen.C}; of a round of each of {chosen.runs} runs\n")
    print("| strategy | operations | copies down | MiB | torch, CPU s | host, CPU s |\n|---|---|---|---|---|---|")
    for name in chosen.only.split(","):
        work(cell, labels, name, chosen.runs, 0, each)
        first, last = (work(cell, labels, name, chosen.runs, rounds, each) for rounds in (0, ROUNDS))
        cells = " | ".join(number(value) for value in (last - first) / (chosen.runs * ROUNDS))
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
