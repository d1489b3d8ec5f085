"""Runs with a known truth: what each strategy and pool really gains is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from nofreelunch.base.randomness import generator
from nofreelunch.cells.diagnostics import LABEL_FREE, LABELLED
from nofreelunch.evaluation.clones import COLUMNS
from nofreelunch.evaluation.runs import AREAS, FACTORS, HELD, METRICS, RUN
from nofreelunch.tasks.counts import ACCOUNT

NO_TASKS = pd.DataFrame(columns=["dataset", *ACCOUNT])
NO_CLONES = pd.DataFrame(columns=COLUMNS, dtype=object)


@dataclass(frozen=True)
class Truth:
    """Effects in accuracy; `slope` terms multiply an embedder's quality, which runs from 0 to 1."""

    strategy_gain: Mapping[str, float] = field(default_factory=dict)
    strategy_slope: Mapping[str, float] = field(default_factory=dict)
    pool_gain: Mapping[str, float] = field(default_factory=dict)
    pool_slope: Mapping[str, float] = field(default_factory=dict)
    pool_decay: float = 4.0
    run_noise: float = 0.004
    seed_noise: float = 0.01
    site_noise: float = 0.0
    name: str = "truth"


def make(
    datasets: list[str],
    embedders: list[str],
    pools: list[str],
    strategies: list[str],
    seeds: int,
    truth: Truth | None = None,
    rounds: int = 15,
    batch: int = 100,
) -> tuple[pd.DataFrame, ...]:
    """(frame, probes, diagnostics, picks, clones) as the loaders of `runs` give them, all in memory."""
    truth = truth or Truth()
    rng = generator("synthetic", truth.name)
    shape = (*map(len, (datasets, embedders, pools, strategies)), seeds, rounds + 1)
    D, E, P, S, _, _ = range(6)

    def along(values: object, axis: int) -> np.ndarray:
        array = np.asarray(values, dtype=float)
        return array.reshape([-1 if a == axis else 1 for a in range(6)])

    step = np.arange(rounds + 1)
    grown = along(1 - np.exp(-step / 5), 5)
    quality = along(np.linspace(0, 1, len(embedders)) if len(embedders) > 1 else [1.0], E)
    floor = along(np.linspace(0.2, 0.5, len(datasets)), D) + 0.1 * quality
    ceiling = along(np.linspace(0.6, 0.85, len(datasets)), D) + 0.12 * quality
    value = floor + (ceiling - floor) * 0.95 * grown
    value = np.broadcast_to(value, shape).copy()
    gain = along([truth.strategy_gain.get(s, 0) for s in strategies], S)
    gain = gain + along([truth.strategy_slope.get(s, 0) for s in strategies], S) * quality
    value += gain * grown
    start = along([truth.pool_gain.get(p, 0) for p in pools], P)
    start = start + along([truth.pool_slope.get(p, 0) for p in pools], P) * quality
    value += start * along(np.exp(-step / truth.pool_decay), 5)
    value += truth.site_noise * rng.normal(size=(*shape[:2], 1, shape[3], 1, 1)) * grown
    value += truth.seed_noise * rng.normal(size=(*shape[:3], 1, seeds, 1)) * along(np.exp(-step / 6), 5)
    own = rng.normal(size=shape) * truth.run_noise
    own[..., 0] = own[:, :, :, :1, :, 0]
    value = np.clip(np.round((value + own) * 2000) / 2000, 0, 1)

    axes = [datasets, embedders, pools, strategies, range(seeds), range(rounds + 1)]
    index = pd.MultiIndex.from_product(axes, names=[*RUN, "round"])
    frame = index.to_frame(index=False)
    frame["labels"] = batch * (frame["round"] + 1)
    flat = value.reshape(-1)
    frame = frame.assign(
        accuracy=flat,
        balanced_accuracy=0.97 * flat,
        macro_f1=0.95 * flat,
        nll=2 * (1 - flat),
        ece=0.1 * (1 - flat),
    )
    assert list(frame.columns[-len(METRICS) :]) == METRICS
    frame["filled"] = 0
    frame["classes_seen"] = np.minimum(frame["round"] + 5, 8)
    frame[HELD] = flat
    for factor, names in zip(FACTORS, axes, strict=False):
        frame[factor] = pd.Categorical(frame[factor], categories=list(names))

    sites = pd.MultiIndex.from_product([datasets, embedders], names=["dataset", "embedder"]).to_frame(index=False)
    top = np.broadcast_to(ceiling, (*shape[:2], 1, 1, 1, 1)).reshape(-1)
    factors = dict(zip(AREAS, (1, 0.97, 0.95, 1), strict=True))
    probes = sites.assign(
        **{name: factor * top for name, factor in factors.items()},
        **{f"chance_{name}": 0.1 * factor for name, factor in factors.items()},
        quality=top + 0.001 * rng.normal(size=top.size),
        lift_error=0.01,
        test_rows=2000,
    )
    for factor, names in (("dataset", datasets), ("embedder", embedders)):
        probes[factor] = pd.Categorical(probes[factor], categories=names)

    diagnostics = sites.merge(pd.DataFrame({"measure": [*LABEL_FREE, *LABELLED]}), how="cross")
    known = np.repeat(np.broadcast_to(quality, (*shape[:2], 1, 1, 1, 1)).reshape(-1), len(LABEL_FREE + LABELLED))
    diagnostics = diagnostics.assign(
        labelled=diagnostics["measure"].isin(LABELLED),
        value=known + 0.2 * rng.normal(size=known.size),
        dataset=pd.Categorical(diagnostics["dataset"], categories=datasets),
        embedder=pd.Categorical(diagnostics["embedder"], categories=embedders),
    )
    return frame, probes, diagnostics, _picks(datasets, strategies), NO_CLONES


def seconds(frame: pd.DataFrame) -> pd.DataFrame:
    """Of every round of `make`'s frame: 0.01 s a query of the first strategy, 0.02 s of the second and so on; fits take
    0.05 s at first, and twice that in the end."""
    query = 0.01 * (1 + frame["strategy"].cat.codes) * (frame["round"] > 0)
    fit = 0.05 * (1 + frame["round"] / frame["round"].max())
    return frame[[*RUN, "round"]].assign(query_seconds=query, fit_seconds=fit)


def _picks(datasets: list[str], strategies: list[str]) -> pd.DataFrame:
    """300 points of a pool, and 20 of them in each of four rounds."""
    rng = generator("synthetic", "picks")
    parts = []
    for dataset in datasets:
        places = rng.normal(size=(300, 2)) + 3 * rng.integers(0, 3, size=(300, 1))
        parts.append(pd.DataFrame(places, columns=["x", "y"]).assign(dataset=dataset, strategy="", round=-1))
        for strategy in strategies:
            order = rng.permutation(300)[:80]
            part = pd.DataFrame(places[order], columns=["x", "y"])
            parts.append(part.assign(dataset=dataset, strategy=strategy, round=np.arange(80) // 20))
    table = pd.concat(parts, ignore_index=True)[["dataset", "strategy", "round", "x", "y"]]
    return table.assign(
        dataset=pd.Categorical(table["dataset"], categories=datasets),
        strategy=pd.Categorical(table["strategy"], categories=["", *strategies]),
    )
