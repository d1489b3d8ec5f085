"""Learning curves against another study's, at the labels for which that has numbers.

Run: python -m benchmarks.fidelity FOLDER   (a checkout whose grid has the three tasks by MiniLM)

Reads the runs under FOLDER/data/runs and prints, from random pools, accuracy of random querying and each strategy's
gain over it, paired by seed, with its standard error over seeds; in brackets what was published.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from nofreelunch.base import layout, storage

LABELS = {"ag_news": (15, 20, 45, 105), "dbpedia": (30, 100, 210), "banking77": (400, 1000, 2000)}
RANDOM = {
    "ag_news": {15: 0.61, 45: 0.75, 105: 0.808},
    "dbpedia": {30: 0.47, 100: 0.79, 210: 0.88},
    "banking77": {400: 0.75, 1000: 0.85, 2000: 0.885},
}
GAINS = {
    ("ag_news", 20): {
        "alfamix": 0.083, "dropquery": 0.100, "bait": 0.083, "margin": 0.040, "badge": 0.033, "coreset": 0.004,
        "typiclust": 0.101,
    },
    ("dbpedia", 30): {
        "alfamix": 0.112, "dropquery": 0.174, "bait": 0.014, "margin": 0.052, "badge": 0.048, "coreset": 0.008,
        "typiclust": 0.162,
    },
    ("banking77", 400): {
        "alfamix": 0.044, "dropquery": 0.066, "bait": 0.034, "margin": 0.028, "badge": 0.030, "coreset": 0.015,
        "typiclust": 0.069,
    },
    ("banking77", 2000): {
        "dropquery": 0.015, "bait": 0.025, "margin": 0.025, "badge": 0.026, "coreset": 0.009, "typiclust": 0.009,
    },
}  # fmt: skip


def curves(folder: Path, dataset: str) -> pd.DataFrame:
    """Accuracies: (strategy, seed) × labels."""
    frame = pd.DataFrame(storage.read_table(folder / layout.runs(dataset, "minilm")))
    frame = frame[frame["ips"] == "random"]
    return frame.pivot_table(index=["strategy", "seed"], columns="labels", values="accuracy", sort=False)


def cell(values: pd.Series, published: float | None, sign: str = "") -> str:
    """Mean, standard error over seeds, and what was published."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    said = "" if published is None else f" ({published:{sign}.3f})"
    return f"{values.mean():{sign}.3f} ± {error:.3f}{said}".replace("-", "−")


def table(folder: Path, dataset: str) -> list[str]:
    """The lines of one task's table."""
    wide = curves(folder, dataset)
    names = list(dict.fromkeys(wide.index.get_level_values("strategy")))
    seeds = wide.index.get_level_values("seed").nunique()
    labels = LABELS[dataset]
    lines = [
        f"| {dataset}, {seeds} seeds | {' | '.join(f'@{count:,}' for count in labels)} |",
        f"|---{'|---' * len(labels)}|",
    ]
    base = wide.loc["random"]
    for name in names:
        if name == "random":
            cells = [cell(base[count], RANDOM[dataset].get(count)) for count in labels]
        else:
            own = wide.loc[name]
            cells = [
                f"{own[count].mean():.3f}, {cell(own[count] - base[count], _published(dataset, count, name), '+')}"
                for count in labels
            ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _published(dataset: str, count: int, name: str) -> float | None:
    return GAINS.get((dataset, count), {}).get(name)


def main() -> None:
    """Print a table for each task that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a checkout whose grid was run")
    folder = parser.parse_args().folder
    for dataset in LABELS:
        if (folder / layout.runs(dataset, "minilm")).is_file():
            print("\n".join([*table(folder, dataset), ""]))


if __name__ == "__main__":
    main()
