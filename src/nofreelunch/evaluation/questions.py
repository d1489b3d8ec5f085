"""Questions beyond the twelve claims, each answered over tasks.

The unit is the task: all runs of a task are averaged before, and intervals and p are `significance.t_test`'s over
tasks. They are exploratory: not corrected for how many there are.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nofreelunch.base.arrays import Float64Array
from nofreelunch.evaluation.aulc import aulc
from nofreelunch.evaluation.quality import spearman
from nofreelunch.evaluation.runs import BASELINE, blocks
from nofreelunch.evaluation.significance import t_test

TRANSFER = ("dataset", "chooser", "learner", "strategy", "seed", "labels", "accuracy")
IMPLEMENTATION = ("dataset", "embedder", "strategy", "code", "seed", "aulc")
BUDGET = ("dataset", "embedder", "budget", "strategy", "seed", "aulc")
NOISE = ("dataset", "embedder", "noise", "rate", "strategy", "seed", "aulc")
OURS = "ours"
OWN, PAPERS = "the grid's", "the paper's"
DIVERSITY, UNCERTAINTY = "typiclust", "margin"


def over_tasks(table: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """The mean of ``column`` over tasks within each group of ``by``; rows of a task are averaged before.

    Returns:
        ``by``, tasks, mean, lo, hi (95 %), p (two-sided, that the mean is 0); NaN and 1 for a single task.
    """
    rows = []
    means = table.groupby([*by, "dataset"], observed=True, sort=False)[column].mean().dropna()
    for key, part in means.groupby(level=list(by), observed=True, sort=False):
        values = part.to_numpy(dtype=np.float64)
        p, lo, hi = t_test(values)
        rows.append((*(key if isinstance(key, tuple) else (key,)), len(values), values.mean(), lo, hi, p))
    return pd.DataFrame(rows, columns=[*by, "tasks", "mean", "lo", "hi", "p"])


def gains(table: pd.DataFrame, keys: Sequence[str], column: str) -> pd.DataFrame:
    """``column`` of every strategy minus that of random querying with the same other ``keys``; in the column gain."""
    wide = table.pivot_table(index=[key for key in keys if key != "strategy"], columns="strategy", values=column)
    over = wide.drop(columns=BASELINE).sub(wide[BASELINE], axis=0)
    return over.stack().rename("gain").reset_index()


def transfer(table: pd.DataFrame) -> pd.DataFrame:
    """What is left of a strategy's gain where one embedder chooses the rows and another one learns from them.

    Args:
        table: `TRANSFER`: accuracy of a head on the learner's vectors after ``labels`` labels, on the rows that a run
            with the chooser's vectors acquired; random querying among the strategies.

    Returns:
        strategy, chooser, learner, tasks, mean (gain over random querying, in accuracy averaged over seeds and
        numbers of labels), lo, hi, p, own (the mean where the learner chooses for itself), lost (own − mean, paired by
        task), lost_lo, lost_hi.
    """
    by = ["strategy", "chooser", "learner"]
    gained = gains(table, TRANSFER[:-1], "accuracy").groupby([*by, "dataset"])["gain"].mean().reset_index()
    own = gained[gained["chooser"] == gained["learner"]].drop(columns="chooser").rename(columns={"gain": "own"})
    joined = gained.merge(own, on=["strategy", "learner", "dataset"], validate="many_to_one")
    joined["lost"] = joined["own"] - joined["gain"]
    found = over_tasks(joined, by, "gain")
    lost = over_tasks(joined, by, "lost").rename(columns={"mean": "lost", "lo": "lost_lo", "hi": "lost_hi"})
    alone = joined.groupby(by, sort=False)["own"].mean().rename("own").reset_index()
    return found.merge(alone, on=by).merge(lost[[*by, "lost", "lost_lo", "lost_hi"]], on=by)


def change_point(ahead: Float64Array) -> int:
    """The round from which the second of two is ahead, if it is to change once.

    Args:
        ahead: (R,) by how much the second is ahead of the first in each round.

    Returns:
        r in 0 … R that makes the sum of −ahead before r and ahead from r on largest; the earliest of several. 0: the
        second leads all along; R: never.
    """
    before, after = np.concatenate([[0.0], np.cumsum(-ahead)]), np.concatenate([np.cumsum(ahead[::-1])[::-1], [0.0]])
    return int(np.argmax(np.round(before + after, 12)))


def crossings(frame: pd.DataFrame, first: str = DIVERSITY, second: str = UNCERTAINTY) -> pd.DataFrame:
    """Where the lead goes from the ``first`` strategy to the ``second``, from a random start.

    Args:
        frame: `runs.load`.

    Returns:
        dataset, embedder, ips, labels (at `change_point` of the mean over seeds; infinite for never), share (of the
        budget: 0 from the start on, 1 never), ahead (the second's mean lead over all rounds).
    """
    rows = []
    for keys, labels, values in blocks(frame[frame["strategy"].isin([first, second])], "accuracy"):
        place = keys.reset_index(drop=True)
        for (dataset, embedder, ips), part in place.groupby(["dataset", "embedder", "ips"], observed=True, sort=False):
            lines = [values[part.index[part["strategy"] == name]].mean(axis=0) for name in (first, second)]
            # Round 0 is the same for both.
            ahead = (lines[1] - lines[0])[1:]
            point = change_point(ahead)
            at = labels[1:][point] if point < len(ahead) else np.inf
            rows.append((dataset, embedder, ips, at, point / len(ahead), ahead.mean()))
    return pd.DataFrame(rows, columns=["dataset", "embedder", "ips", "labels", "share", "ahead"])


def crossing(frame: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    """Does the lead go from diversity to uncertainty earlier where the embedding is better?

    Args:
        frame: `runs.load`.
        probes: `runs.load_probes`.

    Returns:
        ips, quantity ('share': of the budget; 'rho': Spearman's ρ among a task's embedders of share and the probe's
        accuracy, negative where better ones change earlier), tasks, mean, lo, hi, p.
    """
    found = crossings(frame).merge(probes[["dataset", "embedder", "quality"]], on=["dataset", "embedder"])
    parts = [over_tasks(found, ["ips"], "share").assign(quantity="share")]
    rho = [
        (ips, dataset, float(spearman(part["quality"].to_numpy(), part["share"].to_numpy())))
        for (ips, dataset), part in found.groupby(["ips", "dataset"], observed=True, sort=False)
    ]
    parts.append(
        over_tasks(pd.DataFrame(rho, columns=["ips", "dataset", "rho"]), ["ips"], "rho").assign(quantity="rho")
    )
    return pd.concat(parts, ignore_index=True)[["ips", "quantity", "tasks", "mean", "lo", "hi", "p"]]


def layers(frame: pd.DataFrame, probes: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Start and strategies at growing depths of one model, where nothing but the quality of the vectors changes.

    Args:
        frame: `runs.load`.
        probes: `runs.load_probes`.
        order: embedders, ever more layers.

    Returns:
        quantity ('probe', 'start <ips>': the gain of a start over a random one at k₀ labels, '<strategy>': gain in
        AULC over random querying from a random start), embedder (in ``order``), tasks, mean, lo, hi, p; then rows of
        embedder 'trend': Spearman's ρ of depth and quantity within tasks.
    """
    order = list(order)
    values = _of_depths(frame[frame["embedder"].isin(order)], probes[probes["embedder"].isin(order)])
    values["embedder"] = values["embedder"].astype(str)
    place = values["embedder"].map({name: number for number, name in enumerate(order)})
    each = over_tasks(values.iloc[place.argsort(kind="stable")], ["quantity", "embedder"], "value")
    wide = values.pivot_table(index=["quantity", "dataset"], columns="embedder", values="value", sort=False)[order]
    rho = spearman(np.broadcast_to(np.arange(len(order), dtype=np.float64), wide.shape), wide.to_numpy())
    trend = over_tasks(wide.index.to_frame(index=False).assign(rho=rho), ["quantity"], "rho").assign(embedder="trend")
    return pd.concat([each, trend], ignore_index=True)


def _of_depths(frame: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    keys = ["dataset", "embedder"]
    first = frame[frame["round"] == 0].groupby([*keys, "ips"], observed=True)["accuracy"].mean().unstack()
    parts = [probes[keys].assign(quantity="probe", value=probes["accuracy"])]
    for ips in first.columns.drop(BASELINE):
        parts.append((first[ips] - first[BASELINE]).rename("value").reset_index().assign(quantity=f"start {ips}"))
    gained = gains(areas(frame[frame["ips"] == BASELINE]), [*keys, "strategy", "seed"], "aulc")
    by = gained.groupby([*keys, "strategy"], observed=True)["gain"].mean().rename("value").reset_index()
    parts.append(by.rename(columns={"strategy": "quantity"}))
    return pd.concat(parts, ignore_index=True)


def areas(frame: pd.DataFrame) -> pd.DataFrame:
    """The AULC of every run: its keys, and aulc (accuracy)."""
    parts = [keys.assign(aulc=aulc(labels, values)) for keys, labels, values in blocks(frame, "accuracy")]
    return pd.concat(parts, ignore_index=True)


def implementation(table: pd.DataFrame) -> pd.DataFrame:
    """Does it matter whose code of a strategy one takes?

    Args:
        table: `IMPLEMENTATION`; code is `OURS` or another's name, from the same starts; random querying is among ours.

    Returns:
        strategy, code ('ours', the other's, 'difference': ours − the other's), tasks, mean (gain in AULC over random
        querying), lo, hi, p.
    """
    keys = ["dataset", "embedder", "seed"]
    base = table[table["strategy"] == BASELINE].set_index(keys)["aulc"].rename("base")
    others = table[table["strategy"] != BASELINE].merge(base, on=keys, validate="many_to_one")
    others["gain"] = others["aulc"] - others["base"]
    wide = others.pivot_table(index=["strategy", *keys], columns="code", values="gain")
    theirs = [str(name) for name in wide.columns if name != OURS]
    for name in theirs:
        wide["difference" if len(theirs) == 1 else f"difference to {name}"] = wide[OURS] - wide[name]
    return over_tasks(wide.stack().rename("gain").reset_index(), ["strategy", "code"], "gain")


def budget(table: pd.DataFrame) -> pd.DataFrame:
    """Do gains hold under another budget?

    Args:
        table: `BUDGET`; budget is `OWN` or `PAPERS`, both from random starts.

    Returns:
        strategy, budget ('the grid's', 'the paper's', 'difference': the paper's − the grid's), tasks, mean (gain in
        AULC over random querying under the same budget), lo, hi, p.
    """
    gained = gains(table, BUDGET[:-1], "aulc")
    wide = gained.pivot_table(index=["strategy", "dataset", "embedder", "seed"], columns="budget", values="gain")
    wide = wide[[OWN, PAPERS]].assign(difference=wide[PAPERS] - wide[OWN])
    return over_tasks(wide.stack().rename("gain").reset_index(), ["strategy", "budget"], "gain")


def noise(table: pd.DataFrame) -> pd.DataFrame:
    """Which strategy keeps its gain where the annotator errs?

    Args:
        table: `NOISE`; true labels are noise 'none' and rate 0.

    Returns:
        embedder, noise, rate, strategy, tasks, mean (gain in AULC over random querying under the same noise), lo, hi,
        p; and for each embedder, noise and rate a row of strategy 'random': what noise takes from random querying.
    """
    by = ["embedder", "noise", "rate", "strategy"]
    gained = gains(table, [*by[:-1], "strategy", "dataset", "seed"], "aulc")
    plain = table[table["strategy"] == BASELINE]
    clean = plain[plain["rate"] == 0].set_index(["embedder", "dataset", "seed"])["aulc"].rename("clean")
    lost = plain[plain["rate"] > 0].merge(clean, on=["embedder", "dataset", "seed"], validate="many_to_one")
    lost["gain"] = lost["aulc"] - lost["clean"]
    return over_tasks(pd.concat([gained, lost[gained.columns]], ignore_index=True), by, "gain")
