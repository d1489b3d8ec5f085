"""Which pool and strategy to take on a new task: a rule learned from the grid's cells, and how good it is.

An arm is a pool selection followed by a query strategy. Its gain on a (dataset, embedder) is the accuracy averaged over
labels up to a budget (`aulc.aulc`), minus that of a random pool followed by random querying; the mean over seeds.

The rule foretells the gain of every arm as its mean over cells plus a line in the standardised diagnostics, by ridge
regression. How much the diagnostics may say (the penalty, up to infinite: nothing) is what foretells best on tasks left
out; so with few tasks it is often no more than the arm that was best on average.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from nofreelunch.cells.diagnostics import LABEL_FREE
from nofreelunch.evaluation.aulc import aulc
from nofreelunch.evaluation.intervals import half_width, mean_interval
from nofreelunch.evaluation.quality import SITE
from nofreelunch.evaluation.runs import BASELINE, blocks

FloatArray = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]
ARM = ["ips", "strategy"]
PENALTIES = (np.inf, 30.0, 10.0, 3.0, 1.0)
LEARNED, LEARNED_WITH_LABELS, HINDSIGHT = "learned rule", "learned rule, with labels", "best in hindsight"
FIXED = {
    "always margin": ("random", "margin"),
    "always BADGE": ("random", "badge"),
    "TypiClust, then margin": ("typiclust", "margin"),
    "always random": ("random", "random"),
}


def arm_gains(frame: pd.DataFrame) -> pd.DataFrame:
    """The gain of every arm on every (dataset, embedder) for three budgets.

    The budgets are the labels after a third, two thirds and all of the rounds of the dataset with most labels; a
    dataset that ends before is taken to its end.

    Args:
        frame: `runs.load`.

    Returns:
        dataset, embedder, budget (labels, int64), ips, strategy, gain. No rows without random pools.
    """
    columns = [*SITE, "budget", *ARM, "gain"]
    if BASELINE not in set(frame["ips"]):
        return pd.DataFrame(columns=columns).astype({"budget": np.int64, "gain": np.float64})
    parts = []
    for budget in _budgets(frame):
        for keys, labels, values in blocks(frame, "accuracy"):
            kept = max(1, int((labels <= budget).sum()))
            area = keys.assign(budget=budget, area=aulc(labels[:kept], values[:, :kept]))
            parts.append(area.groupby([*SITE, "budget", *ARM], observed=True)["area"].mean().reset_index())
    table = pd.concat(parts, ignore_index=True)
    base = table[(table["ips"] == BASELINE) & (table["strategy"] == BASELINE)]
    joined = table.merge(base[[*SITE, "budget", "area"]], on=[*SITE, "budget"], suffixes=("", "_base"))
    return table.assign(gain=(joined["area"] - joined["area_base"]).round(12))[columns]


def _budgets(frame: pd.DataFrame) -> list[int]:
    longest = frame.loc[frame["labels"].idxmax(), "dataset"]
    labels = np.sort(frame.loc[frame["dataset"] == longest, "labels"].unique())
    rounds = len(labels) - 1
    return sorted({int(labels[-(-rounds * third // 3)]) for third in (1, 2, 3)})


def defaults(gains: pd.DataFrame) -> pd.DataFrame:
    """Every arm on average: what to take where nothing is known of a task.

    Args:
        gains: `arm_gains`.

    Returns:
        budget, ips, strategy, n (datasets), mean, lo, hi (gain, averaged over a dataset's embedders; 95 % t-interval
        over datasets), best (cells in which no arm gains more), cells.
    """
    by_dataset = gains.groupby(["budget", *ARM, "dataset"], observed=True)["gain"].mean().reset_index()
    table = mean_interval(by_dataset, ["budget", *ARM], "gain")
    highest = gains.groupby([*SITE, "budget"], observed=True)["gain"].transform("max")
    counts = gains.assign(best=gains["gain"] == highest).groupby(["budget", *ARM], observed=True)["best"]
    counted = counts.agg(best="sum", cells="size").reset_index()
    return table.merge(counted, on=["budget", *ARM], validate="one_to_one")


@dataclass(frozen=True)
class Scale:
    """Standardises diagnostics; beyond the cells learned from, their edge counts, and the mean for an unknown one.

    Attributes:
        centre, spread: (k,) mean and standard deviation over the cells learned from.
        low, high: (k,) range over them.
    """

    centre: FloatArray
    spread: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, x: FloatArray) -> "Scale":
        """The scale of (cells, k) diagnostics, NaN where one is unknown."""
        known = np.isfinite(x)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, x, 0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, x - centre, 0) ** 2).sum(axis=0) / count)
        inside = np.where(known, x, centre)
        return cls(centre, np.where(spread > 1e-12, spread, np.inf), inside.min(axis=0), inside.max(axis=0))

    def __call__(self, x: FloatArray) -> FloatArray:
        """(..., k) diagnostics in standard deviations from the mean."""
        return np.nan_to_num((np.clip(x, self.low, self.high) - self.centre) / self.spread)


@dataclass(frozen=True)
class Rule:
    """Foretells the gain of every arm from diagnostics.

    Attributes:
        arms: (ips, strategy) of each.
        measures: names of the diagnostics, in the order of their axis.
        scale: of the diagnostics.
        means: (arms,) mean gains.
        slopes: (k, arms) change of a gain per standard deviation of a diagnostic.
        errors: (arms,) root mean square error of foretold gains on tasks left out; NaN for one task.
        penalty: of the ridge; infinite where the diagnostics are better not used.
        tasks: how many it was learned from.
    """

    arms: list[tuple[str, str]]
    measures: list[str]
    scale: Scale
    means: FloatArray
    slopes: FloatArray
    errors: FloatArray
    penalty: float
    tasks: int

    def gains(self, values: FloatArray) -> FloatArray:
        """(..., arms) foretold gains for (..., k) diagnostics."""
        return np.asarray(self.means + self.scale(values) @ self.slopes)


def learn(measures: pd.DataFrame, gains: pd.DataFrame) -> Rule:
    """Learn the rule from all cells.

    Args:
        measures: dataset, embedder (the index) × diagnostics.
        gains: the same index × arms (ips, strategy).
    """
    x, y, groups = _arrays(measures, gains)
    arms = [(str(ips), str(strategy)) for ips, strategy in gains.columns]
    scale, penalty = Scale.of(x), _best_penalty(x, y, groups)
    means, slopes = _fit(scale(x), y, penalty)
    left = _left_out(x, y, groups, penalty)
    errors = np.sqrt(((y - left) ** 2).mean(axis=0))
    names = [str(name) for name in measures.columns]
    return Rule(arms, names, scale, means, slopes, errors, penalty, len(np.unique(groups)))


def advise(rule: Rule, values: FloatArray) -> pd.DataFrame:
    """Every arm with its foretold gain, best first.

    The 95 % interval is gain ± t · error, with the rule's error on tasks left out and one degree of freedom less than
    there are tasks: it is about one new task, not about the mean of many.

    Args:
        rule: what was learned.
        values: (k,) diagnostics.

    Returns:
        ips, strategy, gain, lo, hi.
    """
    gains = rule.gains(values)
    half = stats.t.ppf(0.975, rule.tasks - 1) * rule.errors if rule.tasks > 1 else np.full(len(gains), np.nan)
    table = pd.DataFrame(rule.arms, columns=ARM).assign(gain=gains, lo=gains - half, hi=gains + half)
    return table.sort_values("gain", ascending=False, kind="stable", ignore_index=True)


def advice(diagnostics: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """What the rule without labels, learned on the other tasks, says for each cell, and what came of it.

    Args:
        diagnostics: `runs.load_diagnostics`.
        gains: `arm_gains`.

    Returns:
        dataset, embedder, budget, ips, strategy, gain (foretold), lo, hi, reached (the true gain), best (the highest
        true gain), best_ips, best_strategy, regret (best − reached).
    """
    rows = []
    for budget, wide in _by_budget(gains):
        measures = table_of(diagnostics, labelled=False).loc[wide.index]
        for dataset in _tasks(wide):
            out = np.asarray(wide.index.get_level_values("dataset") == dataset)
            if out.all():
                continue
            rule = learn(measures[~out], wide[~out])
            for site, values in measures[out].iterrows():
                first = advise(rule, values.to_numpy(dtype=np.float64)).iloc[0]
                true = wide.loc[site]
                best = true.idxmax()
                reached = true[(first["ips"], first["strategy"])]
                rows.append((*site, budget, *first, reached, true.max(), *best, true.max() - reached))
    columns = [*SITE, "budget", *ARM, "gain", "lo", "hi", "reached", "best", "best_ips", "best_strategy", "regret"]
    return pd.DataFrame(rows, columns=columns)


def policies(diagnostics: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """How much each way to choose an arm loses to the best arm in hindsight, on tasks that were left out.

    Args:
        diagnostics: `runs.load_diagnostics`.
        gains: `arm_gains`.

    Returns:
        budget, policy, tasks, gain (mean over tasks), regret (mean over tasks of the mean over embedders), lo, hi (95 %
        t-interval over tasks), worst (regret in the worst cell). A fixed choice that is not in the grid has no row.
    """
    rows = []
    for budget, wide in _by_budget(gains):
        y = wide.to_numpy()
        groups = wide.index.get_level_values("dataset").astype(str).to_numpy()
        for policy, chosen in _choices(diagnostics, wide).items():
            reached = y[np.arange(len(y)), chosen]
            regret = pd.Series(y.max(axis=1) - reached).groupby(groups).mean()
            half = float(half_width(np.array([regret.std()]), np.array([len(regret)]))[0])
            gain, mean = pd.Series(reached).groupby(groups).mean().mean(), regret.mean()
            worst = (y.max(axis=1) - reached).max()
            rows.append((budget, policy, len(regret), gain, mean, max(0.0, mean - half), mean + half, worst))
    return pd.DataFrame(rows, columns=["budget", "policy", "tasks", "gain", "regret", "lo", "hi", "worst"])


def _choices(diagnostics: pd.DataFrame, wide: pd.DataFrame) -> dict[str, Groups]:
    """(cells,) column of ``wide`` that each policy chooses."""
    arms, cells = list(wide.columns), len(wide)
    found: dict[str, Groups] = {}
    tasks = _tasks(wide)
    if len(tasks) > 1:
        for policy, labelled in ((LEARNED, False), (LEARNED_WITH_LABELS, True)):
            measures = table_of(diagnostics, labelled).loc[wide.index]
            chosen = np.empty(cells, np.int64)
            for dataset in tasks:
                out = np.asarray(wide.index.get_level_values("dataset") == dataset)
                rule = learn(measures[~out], wide[~out])
                chosen[out] = rule.gains(measures[out].to_numpy(dtype=np.float64)).argmax(axis=1)
            found[policy] = chosen
    for policy, arm in FIXED.items():
        if arm in arms:
            found[policy] = np.full(cells, arms.index(arm))
    found[HINDSIGHT] = wide.to_numpy().argmax(axis=1)
    return found


def table_of(diagnostics: pd.DataFrame, labelled: bool) -> pd.DataFrame:
    """(dataset, embedder) × the label-free diagnostics, and the labelled ones if wanted."""
    kept = diagnostics if labelled else diagnostics[diagnostics["measure"].isin(LABEL_FREE)]
    return kept.astype(dict.fromkeys(SITE, str)).pivot(index=SITE, columns="measure", values="value")


def _by_budget(gains: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    return [(int(budget), wide_gains(part)) for budget, part in gains.groupby("budget")]


def wide_gains(part: pd.DataFrame) -> pd.DataFrame:
    """(dataset, embedder) × (ips, strategy), of one budget of `arm_gains`."""
    plain = part.astype(dict.fromkeys([*SITE, *ARM], str))
    order = list(plain[ARM].drop_duplicates().itertuples(index=False, name=None))
    return plain.pivot(index=SITE, columns=ARM, values="gain")[order]


def _tasks(wide: pd.DataFrame) -> list[str]:
    return list(wide.index.get_level_values("dataset").unique())


def _arrays(measures: pd.DataFrame, gains: pd.DataFrame) -> tuple[FloatArray, FloatArray, Groups]:
    groups = pd.factorize(gains.index.get_level_values("dataset"))[0]
    return measures.to_numpy(dtype=np.float64), gains.to_numpy(dtype=np.float64), groups


def _fit(z: FloatArray, y: FloatArray, penalty: float) -> tuple[FloatArray, FloatArray]:
    means = y.mean(axis=0)
    if not np.isfinite(penalty):
        return means, np.zeros((z.shape[1], y.shape[1]))
    return means, np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - means))


def _left_out(x: FloatArray, y: FloatArray, groups: Groups, penalty: float) -> FloatArray:
    """(cells, arms) gains foretold for each task by what is learned from the others; NaN for one task."""
    foretold = np.full(y.shape, np.nan)
    for group in np.unique(groups):
        out = groups == group
        if out.all():
            continue
        scale = Scale.of(x[~out])
        means, slopes = _fit(scale(x[~out]), y[~out], penalty)
        foretold[out] = means + scale(x[out]) @ slopes
    return foretold


def _best_penalty(x: FloatArray, y: FloatArray, groups: Groups) -> float:
    if len(np.unique(groups)) < 2:
        return float("inf")
    losses = [((y - _left_out(x, y, groups, penalty)) ** 2).sum() for penalty in PENALTIES]
    return PENALTIES[int(np.argmin(losses))]
