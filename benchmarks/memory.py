"""Peak memory of one query on a large pool, beyond the embedding matrix.

Run: python -m benchmarks.memory                              (n = 20,000 rows, d = 1,024, C = 77; a minute)
     python -m benchmarks.memory -n 100000 -d 4096 -C 77      (needs 3 GB)
"""

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.machine import MIB, describe, number, parser, peak_mib, seconds
from nofreelunch.heads.linear import LinearHead
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.rows import squared_norms

LABELLED, BATCH, BLOCK = 500, 100, 2_000
NAMES = ("margin", "badge", "coreset", "dropquery")


def pool(n: int, d: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of length 1 around one centre per class, made block by block; their labels; the centres."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, d + 1, dtype=np.float32) ** np.float32(-0.5)
    centres = 0.6 * rng.standard_normal((classes, d), np.float32)
    labels = rng.integers(classes, size=n)
    features = np.empty((n, d), np.float32)
    for first in range(0, n, BLOCK):
        own = labels[first : first + BLOCK]
        block = (rng.standard_normal((len(own), d), np.float32) + centres[own]) * spectrum
        features[first : first + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return features, labels, centres * spectrum / np.linalg.norm(centres * spectrum, axis=1, keepdims=True)


def query(
    name: str, features: np.ndarray, norms: np.ndarray, labels: np.ndarray, head: LinearHead
) -> Callable[[], object]:
    """One query that starts from the features, their norms and the head alone."""

    def work() -> object:
        entry = STRATEGIES[name]
        scored = features if entry.uses_head else features[:0]
        geometry = Geometry(features, norms, "benchmark", 0)
        rows = np.arange(LABELLED)
        request = Query(
            geometry, LabelledDistances(geometry), rows, labels[rows], np.arange(LABELLED, len(features)),
            head, head.probabilities(scored), BATCH, np.random.default_rng(0),
        )  # fmt: skip
        return entry.select(request)

    return work


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("-n", type=int, default=20_000, help="pool rows")
    flags.add_argument("-d", type=int, default=1_024, help="dimensions")
    flags.add_argument("-C", type=int, default=77, help="classes")
    flags.add_argument("--only", default=",".join(NAMES), help="strategies, separated by commas")
    chosen = flags.parse_args()
    with threadpool_limits(1):
        features, labels, centres = pool(chosen.n, chosen.d, chosen.C)
        head = LinearHead(chosen.C, np.arange(chosen.C), 20 * centres, np.zeros(chosen.C, np.float32))
        print(f"{describe()}\nn = {chosen.n}, d = {chosen.d}, C = {chosen.C}: {features.nbytes / MIB:.0f} MiB\n")
        print("| query | CPU s | peak MiB beyond the embedding |\n|---|---|---|")
        norms = squared_norms(features)
        for name in chosen.only.split(","):
            work = query(name, features, norms, labels, head)
            print(f"| {name} | {number(seconds(work, 600, 1))} | {number(peak_mib(work, 600))} |", flush=True)


if __name__ == "__main__":
    main()
