"""Evidence with a known truth, and what the recommendation does with it.

`python tests/evaluation/simulated_evidence.py` prints the table of docs/recommendation.md.
"""

from dataclasses import dataclass

import numpy as np

from nofreelunch.base.randomness import generator
from nofreelunch.cells.diagnostics import LABEL_FREE
from nofreelunch.evaluation.arms import Cells
from nofreelunch.evaluation.recommendation import decide, shrunk, task_means

ARMS = [(start, query) for start in ("random", "typiclust") for query in ("badge", "margin", "entropy", "coreset")]
TASKS = (4, 6, 8, 10, 20)
EMBEDDERS, REPEATS = 3, 300


@dataclass(frozen=True)
class World:
    """True gains over the default, in points of accuracy.

    Attributes:
        name: as in the table.
        worse: how much the other arms lose on average at most; each loses a uniform share of it.
        better: what one arm gains on average.
        slope: by how much one arm gains per standard deviation of the first diagnostic, and another loses.
    """

    name: str
    worse: float = 0.0
    better: float = 0.0
    slope: float = 0.0


WORLDS = [
    World("no arm better or worse; useless diagnostics"),
    World("others worse by 0 to 2; useless diagnostics", worse=2.0),
    World("one arm better by 1; useless diagnostics", better=1.0),
    World("one arm better by 2; useless diagnostics", better=2.0),
    World("two arms gain and lose 3 per s.d. of a diagnostic", slope=3.0),
]
HEADER = [
    ("world", "tasks", "default left", "recommendation", "s.e.", "rule without its test", "best constant"),
    (":--", *["--:"] * 6),
]


def draw(world, tasks, rng):
    """(cells as measured, their true gains): an arm differs from task to task by its own spread, of 0.5 to 3 points."""
    arms, n = len(ARMS), tasks * EMBEDDERS
    mean = -world.worse * rng.random(arms)
    mean[1] += world.better
    spread = rng.uniform(0.5, 3.0, arms)
    diagnostics = rng.normal(size=(n, len(LABEL_FREE)))
    true = (
        mean + np.repeat(spread * rng.normal(size=(tasks, arms)), EMBEDDERS, axis=0) + 0.5 * rng.normal(size=(n, arms))
    )
    true[:, 2] += world.slope * diagnostics[:, 0]
    true[:, 3] -= world.slope * diagnostics[:, 0]
    true[:, 0] = 0.0
    noise = 0.4 * rng.normal(size=(3, n, arms))
    noise[..., 0] = 0.0
    measured = (true + noise) / 100
    datasets = np.repeat([f"t{i}" for i in range(tasks)], EMBEDDERS)
    embedders = np.tile([f"e{i}" for i in range(EMBEDDERS)], tasks)
    return Cells(datasets, embedders, ARMS, 0, measured[0], measured[1:], diagnostics), true


def tried(world, tasks, repeats=REPEATS):
    """(repeats, 4): whether the default was left, and the true gains on a new task of the three policies."""
    found = []
    for repeat in range(repeats):
        cells, true = draw(world, tasks + 1, generator("simulated evidence", world.name, tasks, repeat))
        new = cells.datasets == cells.tasks[-1]
        known, out = cells.kept(~new), cells.kept(new)
        decision = decide(known)
        constant = int(shrunk(task_means(known), known.default).argmax())
        rows = np.arange(EMBEDDERS)
        taken = [decision.choose(out), decision.rule.choose(out), np.full(EMBEDDERS, constant)]
        found.append((decision.leaves, *[true[new][rows, chosen].mean() for chosen in taken]))
    return np.array(found, dtype=np.float64)


def row(world, tasks, found):
    """A line of the table."""
    left, *gains = found.mean(axis=0)
    error = found[:, 1].std(ddof=1) / np.sqrt(len(found))
    return (
        world.name,
        str(tasks),
        f"{100 * left:.0f} %",
        f"{gains[0]:+.2f}",
        f"{error:.2f}",
        *[f"{g:+.2f}" for g in gains[1:]],
    )


def line(cells):
    """Cells of a Markdown table as a line of it."""
    return "| " + " | ".join(cells).replace("-0.00", "+0.00") + " |"


if __name__ == "__main__":
    print("\n".join(line(cells) for cells in HEADER))
    for world in WORLDS:
        for tasks in TASKS:
            print(line(row(world, tasks, tried(world, tasks))), flush=True)
