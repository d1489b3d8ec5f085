"""One query of every strategy and one selection of every initial pool, on up to half a million rows.

Run: python -m benchmarks.stress                          (1 GB on disk, up to 7 GB of memory; about half an hour)
     python -m benchmarks.stress -n 20000,40000 --only badge,coreset,pool:typiclust

Made blobs, no text: a float16 .npy, memory-mapped and scaled as a stage does it. Batches of 100, 500 labelled rows, 77
classes. Each item runs in a process of its own, on one thread. CPU seconds and the peak of resident memory beyond the
scaled pool are those of scoring the pool (where the strategy looks at the head), of what the runs of a cell share, and
of the query, together; the kernel keeps the peak. An item that passes --limit CPU seconds is killed.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from threadpoolctl import threadpool_limits

from benchmarks.machine import MIB, describe, number
from nofreelunch.cells.simulation import Cell
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.scaling import scale
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.query import OracleQuery, Query, Start
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.geometry import Geometry, LabelledDistances

CLASSES, LABELLED, BATCH, BLOCK = 77, 500, 100, 5_000
# Rows enough for the axes that speed up the fit of the head; they do not change it.
FITTING_ROWS = 20_000
ITEMS = (*STRATEGIES, *(f"pool:{name}" for name in POOLS))


def make(folder: Path, n: int, d: int) -> None:
    """Write features.npy ((n, d) float16) block by block, and labels.npy."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, d + 1, dtype=np.float32) ** np.float32(-0.5)
    centres = 0.6 * rng.standard_normal((CLASSES, d), np.float32)
    labels = rng.integers(CLASSES, size=n)
    features = open_memmap(folder / "features.npy", "w+", np.float16, (n, d))
    for first in range(0, n, BLOCK):
        own = labels[first : first + BLOCK]
        features[first : first + BLOCK] = (rng.standard_normal((len(own), d), np.float32) + centres[own]) * spectrum
    features.flush()
    np.save(folder / "labels.npy", labels)


def resident(what: str) -> float:
    """MiB of this process by the kernel: ``VmRSS`` now, or ``VmHWM``, the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def work(item: str, pool: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
    """What is measured, from the scaled pool and a fitted head alone."""
    part = pool[:FITTING_ROWS]
    cell = Cell.of("stress", "blobs", part, part[:1], labels[:1], CLASSES, LogisticSpec())
    rows = np.arange(LABELLED)
    head = cell.fitting(0)(rows, labels[rows])
    norms = np.einsum("ij,ij->i", pool, pool)
    rng = np.random.default_rng(0)

    def select() -> object:
        geometry = Geometry(pool, norms, "stress", 0)
        if item.startswith("pool:"):
            return POOLS[item.removeprefix("pool:")](Start(geometry, np.arange(len(pool)), BATCH, rng))
        entry = STRATEGIES[item]
        if entry.prepare is not None:
            entry.prepare(geometry)
        query = Query(
            geometry, LabelledDistances(geometry), rows, labels[rows], np.arange(LABELLED, len(pool)),
            head, head.probabilities(pool if entry.uses_head else pool[:0]), BATCH, rng,
        )  # fmt: skip
        if entry.uses_truth:
            query = OracleQuery.of(query, labels, cell.fitting(0))
        return entry.select(query)

    return select


def measure(folder: Path, item: str, n: int, limit: int) -> dict[str, float]:
    """In a process of its own: seconds and peaks in MiB of the scaling and of the query."""
    stored, labels = np.load(folder / "features.npy", mmap_mode="r")[:n], np.load(folder / "labels.npy")[:n]
    before = resident("VmRSS")
    pool, _ = scale(stored, stored[:1], "unit", centre=True)
    scaling = resident("VmHWM") - before
    del stored
    select = work(item, pool, labels)
    forget_peak()
    held, spent = resident("VmRSS"), time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent) + limit, int(spent) + limit))
    select()
    return {"seconds": time.process_time() - spent, "peak": resident("VmHWM") - held, "scaling": scaling}


def alone(folder: Path, item: str, n: int, limit: int) -> dict[str, float] | None:
    """`measure` in a new process; None where it was killed."""
    command = [sys.executable, "-m", "benchmarks.stress", "--folder", str(folder), "--measure", item, "-n", str(n)]
    done = subprocess.run([*command, "--limit", str(limit)], capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return None
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(folder: Path, items: list[str], sizes: list[int], d: int, limit: int) -> None:
    print(f"{describe()}\nd = {d}, C = {CLASSES}; {LABELLED} labelled, batch {BATCH}; at most {limit} CPU s a query\n")
    print("| | rows | CPU s | peak MiB beyond the pool |\n|---|---:|---:|---:|")
    scaling = {}
    for n in sizes:
        for item in items:
            found = alone(folder, item, n, limit)
            shown = [f"> {limit}", "–"] if found is None else [number(found["seconds"]), f"{found['peak']:,.0f}"]
            print(f"| {item} | {n:,} | {' | '.join(shown)} |", flush=True)
            if found is not None:
                scaling[n] = found["scaling"]
    print("\n| rows | file, MiB | scaled pool, MiB | peak while scaling, the file's pages included, MiB |")
    print("|---:|---:|---:|---:|")
    for n, peak in scaling.items():
        print(f"| {n:,} | {2 * n * d / MIB:,.0f} | {4 * n * d / MIB:,.0f} | {peak:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", default="125000,250000,500000", help="pool rows, separated by commas")
    parser.add_argument("-d", type=int, default=1_024, help="dimensions")
    parser.add_argument("--only", default=",".join(ITEMS), help="strategies and pool:<name>, separated by commas")
    parser.add_argument("--limit", type=int, default=300, help="CPU seconds for each")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    sizes = [int(n) for n in chosen.n.split(",")]
    with threadpool_limits(1):
        if chosen.measure is not None:
            print(json.dumps(measure(chosen.folder, chosen.measure, sizes[0], chosen.limit)))
            return
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), max(sizes), chosen.d)
            table(Path(folder), chosen.only.split(","), sizes, chosen.d, chosen.limit)


if __name__ == "__main__":
    main()
