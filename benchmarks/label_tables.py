"""The tables of docs/label_evidence.md, from what `benchmarks.label_loop` has kept.

Run: python -m benchmarks.label_tables --keep label_loop
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation.audit import Estimate, accuracy
from nofreelunch.evaluation.aulc import labels_to
from nofreelunch.labelling.forecast import POINTS, ROWS, Forecast, extrapolate, points
from nofreelunch.labelling.simulate import SHARE
from nofreelunch.labelling.stopping import QUIET, WINDOW, Signals, kappa, parse

Arrays = dict[str, npt.NDArray[Any]]
MORE, SECONDS = 100, 10
# What 100 labels have to bring, in points, for a stop to be the best one.
PRICE = 0.5
RULES = (
    "gain<1",
    "gain<0.5",
    "gain<0.25",
    "agreement>0.9",
    "agreement>0.95",
    "agreement>0.99",
    "uncertainty<0.2",
    "uncertainty<0.1",
    "uncertainty<0.05",
    "doubt<0.1",
    "changed<0.01",
    "changed<=0",
    "gain<0.5 and agreement>0.9",
    "labels>=200",
    "labels>=400",
    "labels>=600",
    "labels>=1000",
)
TARGETS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9)


def load(keep: Path) -> Iterator[tuple[str, int, Arrays]]:
    """Task, repetition and arrays of every kept file."""
    for path in sorted(keep.glob("*.npz")):
        task, seed, _ = path.name.rsplit(".", 2)
        with np.load(path, allow_pickle=False) as kept:
            yield task, int(seed), {name: kept[name] for name in kept.files}


def seen(task: str, seed: int, kept: Arrays) -> list[Signals]:
    """What the command would know after each batch of a run."""
    labels, called, right = kept["labels"], kept["called"].astype(np.int64), kept["said"] == kept["audit"]
    classes = int(max(called.max(), kept["audit"].max())) + 1
    found = []
    agreed: list[float] = []
    for number, count in enumerate(labels):
        audits = int(kept["audits"][number])
        is_open = np.ones(called.shape[1], bool)
        is_open[kept["acquired"][:count]] = False
        moved = [float((called[i] != called[i - 1])[is_open].mean()) for i in range(max(1, number - 1), number + 1)]
        agreed += [kappa(called[number - 1], called[number], classes)] if number else []
        found.append(
            Signals(
                int(count),
                accuracy(int(right[number, :audits].sum()), audits, called.shape[1]),
                _forecast(task, seed, kept, number),
                float(kept["uncertainty"][number]),
                float(kept["doubt"][number]),
                float(np.mean(agreed[-WINDOW:])) if len(agreed) >= WINDOW else None,
                max(moved) if number >= QUIET else None,
            )
        )
    return found


def _forecast(task: str, seed: int, kept: Arrays, number: int) -> Forecast | None:
    audits, labels = int(kept["audits"][number]), kept["labels"]
    if audits < ROWS or number + 1 < POINTS:
        return None
    before = int(np.argmin(np.abs(labels[number] - MORE - labels[:number])))
    churn = float((kept["called"][number] != kept["called"][before]).mean())
    ends = points(number + 1)
    right = (kept["said"] == kept["audit"])[ends, :audits]
    return extrapolate(labels[ends], right, churn, MORE, generator("label loop", task, seed, number))


def savings(runs: list[tuple[str, int, Arrays]]) -> pd.DataFrame:
    """By task: labels that random rows and the defaults need, medians over repetitions."""
    rows = []
    for task, seed, kept in runs:
        full, chance = kept["ends"]
        goal = np.full(2, chance + SHARE * (full - chance))
        random, default = labels_to(kept["labels"].astype(float), kept["accuracy"], goal)
        rows.append({"task": task, "full": full, "chance": chance, "random": random, "default": default, "runs": seed})
    table = pd.DataFrame(rows)
    means = table.groupby("task").agg(
        full=("full", "mean"),
        chance=("chance", "mean"),
        random=("random", "median"),
        default=("default", "median"),
        runs=("runs", "size"),
    )
    hours = (means["random"] - means["default"]) * SECONDS / 3600
    limit = int(max(kept["labels"][-1] for *_, kept in runs))
    verdict = np.select(
        [means["default"] < means["random"], means["default"] > means["random"]], ["fewer", "more"], "as many"
    )
    shown = {
        name: [f"{v:.0f}" if np.isfinite(v) else f"over {limit}" for v in means[name]] for name in ("random", "default")
    }
    return means.assign(
        full=means["full"].map("{:.1%}".format),
        chance=means["chance"].map("{:.1%}".format),
        **shown,
        hours=[f"{value:+.1f}" if np.isfinite(value) else "–" for value in hours],
        verdict=verdict,
    )


def accuracy_coverage(runs: list[tuple[str, int, Arrays]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Per run and batch, what the interval of the accuracy held, by audited texts and by task."""
    rows = []
    for task, _, kept in runs:
        size, reserve = kept["called"].shape[1], len(kept["audit"])
        for number, count in enumerate(kept["audits"]):
            own = kept["said"][number] == kept["audit"]
            right = own.copy()
            right[count:] = (kept["called"][number][kept["reserve"]] == kept["audit"])[count:]
            hits = int(right[:count].sum())
            narrow, wide = accuracy(hits, int(count), reserve), accuracy(hits, int(count), size)
            differs = own[:count] - kept["sure"][number][:count]
            middle = kept["sure"][number].mean() + differs.mean()
            half = stats.t.ppf(0.975, count - 1) * differs.std(ddof=1) * np.sqrt((1 - count / reserve) / count)
            test = kept["test"][number]
            rows.append(
                {
                    "task": task,
                    "audited": int(count),
                    "reserve": narrow.low <= right.mean() <= narrow.high,
                    "held out": _held(wide, float(test.mean()), float(test.std() / np.sqrt(len(test)))),
                    "width": wide.high - wide.low,
                    "bias": wide.value - test.mean(),
                    "with confidences": abs(middle - own.mean()) <= half,
                    "their width": 2 * half / (narrow.high - narrow.low),
                }
            )
    table = pd.DataFrame(rows)
    table["audited"] = pd.cut(
        table["audited"], [0, 20, 40, 80, 120, 200], labels=["to 20", "to 40", "to 80", "to 120", "to 200"]
    )
    return _means(table, "audited", "task"), _means(table, "task", "audited")


def forecast_coverage(
    runs: list[tuple[str, int, Arrays]], known: list[list[Signals]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Per run and batch, what the interval of the forecast held, by labels and by task; gains in points."""
    rows = []
    for (task, _, kept), signals in zip(runs, known, strict=True):
        for number, now in enumerate(signals):
            after = np.flatnonzero(kept["labels"] == now.labels + MORE)
            if now.forecast is None or not len(after):
                continue
            gains = kept["test"][after[0]].astype(float) - kept["test"][number]
            said = now.forecast
            rows.append(
                {
                    "task": task,
                    "labels": now.labels,
                    "forecast": 100 * said.gain,
                    "came": 100 * gains.mean(),
                    "inside": _held(said, float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))),
                    "width": 100 * (said.high - said.low),
                }
            )
    table = pd.DataFrame(rows)
    table["labels"] = pd.cut(
        table["labels"], [0, 200, 300, 500, 700, 1000], labels=["to 200", "to 300", "to 500", "to 700", "to 900"]
    )
    return _means(table, "labels", "task"), _means(table, "task", "labels")


def _held(said: Estimate | Forecast, came: float, error: float) -> bool:
    """Whether the interval holds what came, after the known standard ``error`` of measuring that is added to it."""
    middle = said.gain if isinstance(said, Forecast) else said.value
    below, above = np.hypot(middle - said.low, 1.96 * error), np.hypot(said.high - middle, 1.96 * error)
    return bool(middle - below <= came <= middle + above)


def regrets(runs: list[tuple[str, int, Arrays]], known: list[list[Signals]]) -> pd.DataFrame:
    """For each rule, where it stops, against the best stop at PRICE, which the task's other repetitions choose."""
    curves = {(task, seed): 100 * kept["test"].mean(axis=1) for task, seed, kept in runs}
    rows = []
    for (task, seed, kept), signals in zip(runs, known, strict=True):
        labels, own = kept["labels"], curves[task, seed]
        others = [curve for (other, number), curve in curves.items() if other == task and number != seed]
        if not others:
            continue
        cost = PRICE * labels / 100
        best = int((np.mean(others, axis=0) - cost).argmax())
        for rule in RULES:
            stops = [number for number, now in enumerate(signals) if parse(rule).holds(now)]
            at = stops[0] if stops else len(labels) - 1
            rows.append(
                {
                    "rule": rule,
                    "task": task,
                    "stops": bool(stops),
                    "labels": labels[at],
                    "too many": max(labels[at] - labels[best], 0),
                    "too few": max(labels[best] - labels[at], 0),
                    "points lost": own[best] - own[at],
                    "regret": (own - cost)[best] - (own - cost)[at],
                }
            )
    table = pd.DataFrame(rows).groupby(["rule", "task"]).mean()
    means = table.groupby("rule").mean()
    means["worst task"] = table["regret"].groupby("rule").max()
    return means.sort_values("regret")


def promises(runs: list[tuple[str, int, Arrays]], known: list[list[Signals]]) -> pd.DataFrame:
    """How often a run that stops at an accuracy has it, when its interval's lower end or its estimate must pass it."""
    rows = []
    for (_, _, kept), signals in zip(runs, known, strict=True):
        real = kept["test"].mean(axis=1)
        for target in TARGETS:
            for name in ("low", "value"):
                passed = [i for i, now in enumerate(signals) if now.accuracy and getattr(now.accuracy, name) > target]
                if passed:
                    rows.append(
                        {
                            "bound": f"{target:.0%}",
                            "by": name,
                            "kept": real[passed[0]] > target,
                            "labels": signals[passed[0]].labels,
                        }
                    )
    table = pd.DataFrame(rows)
    return (
        table.groupby(["bound", "by"])
        .agg(runs=("kept", "size"), kept=("kept", "mean"), labels=("labels", "mean"))
        .reset_index()
    )


def _means(table: pd.DataFrame, by: str, other: str) -> pd.DataFrame:
    whole = table.drop(columns=other).assign(**{by: "all"})
    parts = pd.concat([table.drop(columns=other).astype({by: str}), whole])
    grouped = parts.groupby(by, sort=False)
    means = grouped.mean()
    means.insert(0, "n", grouped.size())
    order = [name for name in means.index if name != "all"]
    return means.loc[[*order, "all"]]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--keep", type=Path, required=True)
    runs = list(load(flags.parse_args().keep))
    known = [seen(*run) for run in runs]
    by_audit, by_task = accuracy_coverage(runs)
    by_labels, forecast_by_task = forecast_coverage(runs, known)
    tables = {
        "Labels to the goal": savings(runs),
        "Accuracy, by audited texts": by_audit.round(3),
        "Accuracy, by task": by_task.round(3),
        "Forecast, by labels": by_labels.round(3),
        "Forecast, by task": forecast_by_task.round(3),
        "Stopping rules": regrets(runs, known).round(2),
        "Promised accuracy": promises(runs, known).set_index("bound").round(2),
    }
    for title, table in tables.items():
        print(f"\n{title}\n\n{table.to_markdown()}")


if __name__ == "__main__":
    main()
