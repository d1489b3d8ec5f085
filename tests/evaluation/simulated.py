"""Size and power of every printed test, by drawing runs whose truth is known; `table` is that of docs/statistics.md.

The AULC of a run is a sum of normal deviations at the levels at which real runs vary. The standard deviations are those
of the differences to random querying in the default grid (logistic head, C = 10): task .005, cell .006, seed .0125.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats
from synthetic_runs import NO_CLONES

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import answers, claim_test, hypotheses, significance
from nofreelunch.evaluation.intervals import bootstrap_interval, resamples
from nofreelunch.evaluation.material import Material
from nofreelunch.evaluation.quality import correlations
from nofreelunch.evaluation.regret import cross_fitted

TASK, CELL, SEED = 0.005, 0.006, 0.0125
EMBEDDERS, POOLS, SEEDS = 4, 2, 5
EFFECT = 0.01
ALPHA = 0.05


def paired(rng, tasks, strategies=2, effect=0.0, task=TASK, cell=CELL):
    """(task, embedder, pool, seed) × strategy as `wins.paired_scores`; the first strategy is better by ``effect``."""
    shape = (tasks, EMBEDDERS, POOLS, SEEDS, strategies)
    values = task * rng.normal(size=(tasks, 1, 1, 1, strategies)) + cell * rng.normal(size=(*shape[:3], 1, strategies))
    values = 0.5 + (values + SEED * rng.normal(size=shape)) / np.sqrt(2)
    values[..., 0] += effect
    names = [range(n) for n in shape[:4]]
    index = pd.MultiIndex.from_product(names, names=["dataset", "embedder", "ips", "seed"])
    return pd.DataFrame(values.reshape(-1, strategies), index=index, columns=[f"s{k}" for k in range(strategies)])


def gap(table):
    return (table["s0"] - table["s1"]).to_numpy()


def over_tasks(rng, tasks, effect, test):
    return test(gap(significance.task_means(paired(rng, tasks, effect=effect)))) < ALPHA


def friedman(rng, tasks, effect):
    ranked = significance.friedman(paired(rng, tasks, 5, effect), NO_CLONES)
    return ranked.p < ALPHA


def nemenyi(rng, tasks, effect):
    ranked = significance.friedman(paired(rng, tasks, 5, effect), NO_CLONES)
    return np.ptp(list(ranked.mean_ranks.values())) >= ranked.critical_difference


def holm_pairs(rng, tasks, effect):
    """Is any pair of five called different? With an effect: is the best strategy told from some other?"""
    table = significance.pairwise(paired(rng, tasks, 5, effect), NO_CLONES)
    return bool((table[table["scope"] == "all"]["p_holm"] < ALPHA).any())


def claim_over_tasks(rng, tasks, effect):
    means = pd.Series(gap(significance.task_means(paired(rng, tasks, effect=effect))))
    return claim_test.over_datasets("", means).p_for < ALPHA / 2


def material(table, names):
    """What claims 5 and 6 rest on, from a table like `paired`'s; ranks are drawn by nobody and all alike."""
    scores = table.set_axis(pd.Index(names, name="strategy"), axis=1).stack().rename("aulc").reset_index()
    ranks = scores.assign(rank=1.0)
    probes = scores[["dataset", "embedder"]].drop_duplicates()
    peaks = pd.DataFrame(columns=["definition", "strategy", "dataset", "rate"])
    none = pd.DataFrame()
    return Material(scores, none, none, ranks, probes, peaks, NO_CLONES, {})


STRATEGIES = ["random", "margin", "badge", "coreset", "typiclust"]


def best_differs(rng, tasks, effect):
    """Claim 5 speaks of these very cells: without an effect five strategies differ by the luck of seeds alone, with one
    each embedder has a best strategy of its own."""
    table = paired(rng, tasks, 5, task=0, cell=0)
    for embedder in range(EMBEDDERS):
        table.loc[table.index.get_level_values("embedder") == embedder, f"s{embedder}"] += effect
    return hypotheses._best_differs(material(table, STRATEGIES)).p_for < ALPHA / 2


def rankings_differ(rng, tasks, effect):
    """Without an effect strategies differ between tasks, and alike with every embedder."""
    table = paired(rng, tasks, 5, cell=effect)
    return hypotheses._rankings_differ(material(table, STRATEGIES)).p_for < ALPHA / 2


def margin_peaks(rng, tasks, effect):
    """Claim 6 speaks of margin's best task, its units being that task's embedders; beside margin there is one other
    that is no worse, over which a lead is easiest to feign."""
    table = paired(rng, tasks, 3, task=0)
    table["s2"] -= 0.1
    table.loc[table.index.get_level_values("dataset") == 0, "s0"] += effect
    return hypotheses._margin_peaks(material(table, ["margin", "badge", "random"]))[0][0].p_for < ALPHA / 2


def sure(rng, tasks, effect):
    """Is any of four strategies called surely better than random?"""
    table = material(paired(rng, tasks, 5, -effect), STRATEGIES).scores.assign(metric="accuracy")
    found = {answer.factor: answer for answer in answers.answers(table.assign(initial=table["aulc"]))}
    return found["strategy"].sureness == "sure"


def spread(rng, tasks, effect):
    """`jackknifed`, as claims 6 and 7 use it: is the spread of one strategy's ranks larger than the other's?"""
    cells = pd.DataFrame({"dataset": np.repeat(np.arange(tasks), EMBEDDERS * POOLS)})
    wide = 1 + 60 * effect
    cells = cells.assign(one=wide * rng.normal(size=len(cells)), other=rng.normal(size=len(cells)))
    return (
        claim_test.jackknifed("", cells, lambda part: float(part["one"].std() - part["other"].std())).p_for < ALPHA / 2
    )


def most(rng, tasks, effect):
    holds = pd.Series(rng.random(tasks) < (0.9 if effect else 0.5))
    return claim_test.most_of("", holds).p_for < ALPHA / 2


def embedders(rng, tasks, shared, effect, count=7):
    """Quality and outcome of ``count`` embedders, equal but for the ``effect``; each is measured on 750 test rows."""
    noise = np.sqrt(0.25 / 750)
    truth = effect * np.linspace(0, 1, count)
    both = [truth + noise * rng.normal(size=(tasks, count)) for _ in range(2)]
    quality, outcome = (pd.DataFrame(side) for side in ((both[0], both[0]) if shared else both))
    return claim_test.grows_with("", quality, {"": outcome}).p_for < ALPHA / 2


def changes(rng, tasks, effect, count=7):
    """`differs`, as claim 10 uses it."""
    quality = pd.DataFrame(np.tile(np.arange(count, dtype=float), (tasks, 1)))
    first, last = (rng.normal(size=(tasks, count)) for _ in range(2))
    last = last + 100 * effect * quality.to_numpy()
    return claim_test.differs("", quality, pd.DataFrame(first), pd.DataFrame(last)).p_for < ALPHA / 2


def correlation(rng, tasks, effect):
    """The bootstrap interval of `quality.correlations`, pooled: does it leave out 0?"""
    sites = pd.MultiIndex.from_product([range(tasks), range(EMBEDDERS)], names=["dataset", "embedder"])
    x = rng.normal(size=len(sites)) + np.repeat(rng.normal(size=tasks), EMBEDDERS)
    y = rng.normal(size=len(sites)) + np.repeat(rng.normal(size=tasks), EMBEDDERS) + 50 * effect * x
    frame = sites.to_frame(index=False)
    known, reached = frame.assign(measure="m", value=x), frame.assign(outcome="o", value=y)
    row = correlations(known, reached).iloc[0]
    return row["spearman_lo"] > 0 or row["spearman_hi"] < 0


def bootstrap(rng, tasks, effect):
    """What was not taken: a percentile bootstrap that resamples tasks."""
    means = gap(significance.task_means(paired(rng, tasks, effect=effect)))
    lo, hi = bootstrap_interval(resamples(tasks, 500, rng) @ means / tasks)
    return lo > 0 or hi < 0


def by_seed(rng, tasks, effect):
    return stats.wilcoxon(gap(paired(rng, tasks, effect=effect))).pvalue < ALPHA


def by_cell(rng, tasks, effect):
    means = paired(rng, tasks, effect=effect).groupby(["dataset", "embedder", "ips"]).mean()
    return stats.wilcoxon(gap(means)).pvalue < ALPHA


def hindsight(rng, tasks, effect, fair):
    """Is the regret of one of seven equal strategies called larger than 0 over tasks?"""
    values = effect * np.arange(7)[:, None] + SEED * rng.normal(size=(tasks * EMBEDDERS, 7, SEEDS))
    if fair:
        regrets = np.array([cross_fitted(part)[0] for part in values])
    else:
        regrets = values.mean(axis=2).max(axis=1) - values[:, 0].mean(axis=1)
    by_task = regrets.reshape(tasks, EMBEDDERS).mean(axis=1)
    return claim_test.over_datasets("", pd.Series(by_task)).p_for < ALPHA / 2


Draw = Callable[[np.random.Generator, int, float], bool]
PRINTED: dict[str, Draw] = {
    "pairs of strategies: t-test over tasks": lambda r, n, e: over_tasks(r, n, e, lambda v: significance.t_test(v)[0]),
    "pairs of strategies: sign flip over tasks": lambda r, n, e: over_tasks(r, n, e, significance.sign_flip),
    "pairs of five strategies: any, after Holm": holm_pairs,
    "Friedman over tasks, five strategies": friedman,
    "Nemenyi's critical difference: any pair of five": nemenyi,
    "the three answers, strategy is sure: t-test over tasks, Bonferroni": sure,
    "claims over tasks: t-test": claim_over_tasks,
    "claim 5, the best differs: t-test over seeds of these very cells": lambda r, n, e: best_differs(r, n, 4 * e),
    "claim 5, rankings differ: t-test over tasks": rankings_differ,
    "claim 6, peak: t-test over the embedders of a task": lambda r, n, e: margin_peaks(r, n, 4 * e),
    "claims 6 and 7, spread: jackknife over tasks": spread,
    "claim 12, most tasks: sign test": most,
    "claims 2, 4, 8: permutation of seven embedders, split test rows": lambda r, n, e: embedders(r, n, False, 4 * e),
    "claim 10: change of ρ, permutation of seven embedders": changes,
    "regret above 0, cross-fitted: t-test over tasks": lambda r, n, e: hindsight(r, n, e, True),
    "correlations, pooled: bootstrap over tasks (exploratory)": correlation,
}
NOT_PRINTED: dict[str, Draw] = {
    "Wilcoxon over seeds": by_seed,
    "Wilcoxon over cells": by_cell,
    "percentile bootstrap over tasks": bootstrap,
    "permutation of seven embedders, shared test rows": lambda r, n, e: embedders(r, n, True, 4 * e),
    "regret above 0, in hindsight: t-test over tasks": lambda r, n, e: hindsight(r, n, e, False),
}
TASKS = (4, 10)


def rate(name: str, tasks: int, effect: float, draws: int) -> float:
    """How often the test called ``name`` rejects at a nominal 5 %, two-sided."""
    draw = (PRINTED | NOT_PRINTED)[name]
    return float(np.mean([draw(generator("size", name, tasks, str(effect), k), tasks, effect) for k in range(draws)]))


def table(draws: int) -> str:
    """Markdown: a row per test, its size and power with 4 and with 10 tasks."""
    lines = ["| test | " + " | ".join(f"size, {n} tasks | power, {n} tasks" for n in TASKS) + " |"]
    lines.append("|---|" + "---:|" * (2 * len(TASKS)))
    for title, tests in (("**printed**", PRINTED), ("**not printed, for comparison**", NOT_PRINTED)):
        lines.append(f"| {title} |" + " |" * (2 * len(TASKS)))
        for name in tests:
            cells = [f"{rate(name, n, effect, draws):.3f}" for n in TASKS for effect in (0.0, EFFECT)]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    print(table(int(sys.argv[1])))
