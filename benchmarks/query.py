"""One query of each strategy against the same query of its peers: CPU seconds and peak memory.

Run: python -m benchmarks.query                      (n = 5,000 rows, d = 384, C = 4; a few minutes)
     python -m benchmarks.query -n 20000 -d 1024 -C 77 --limit 60 --only badge,coreset

Peers come from benchmarks/requirements-peers.txt; those not installed are left out. Everybody gets the same features,
labels and fitted head; scoring the pool is part of the time where the strategy looks at the head. `ours` starts with
nothing but the features; `shared` is a second query of the same cell, which finds clusterings, neighbours and distances
as the runs of one cell share them. The ratio is that of the fastest peer to ours. A dash: over the limit, or out of
memory. `factorised loop` is the plain loop on the two factors of the gradient embedding, written here, which is how the
authors of BADGE keep memory down in their own code.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks.head import clusters
from benchmarks.machine import describe, number, parser, peak_mib, seconds
from nofreelunch.heads import softmax
from nofreelunch.heads.linear import LinearHead, score_all
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space import device
from nofreelunch.space.geometry import Geometry, LabelledDistances
from nofreelunch.space.rows import Rows, squared_norms

LABELLED, BATCH, PENALTY = 500, 100, 100.0
OURS = [name for name, entry in STRATEGIES.items() if not entry.uses_truth]
Work = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """What all contenders are given.

    Attributes:
        features: (n, d) float32, rows of length 1.
        labels: (n,) int64.
        labelled: rows with a label, the last ones of the pool.
        candidates: the others.
        model: scikit-learn's logistic regression on the labelled rows.
        query: the request as our strategies get it.
    """

    features: np.ndarray
    labels: np.ndarray
    labelled: np.ndarray
    candidates: np.ndarray
    model: LogisticRegression
    query: Query

    @classmethod
    def of(cls, n: int, d: int, classes: int, labelled: int = LABELLED, batch: int = BATCH) -> "Case":
        features, labels = clusters(n, d, classes)
        features, labels = features[::-1].copy(), labels[::-1].copy()
        rows, candidates = np.arange(n - labelled, n), np.arange(n - labelled)
        model = LogisticRegression(C=PENALTY, tol=1e-6, max_iter=10_000).fit(features[rows], labels[rows])
        basis = softmax.Basis.of(Rows(features))
        fitted = softmax.fit(basis.rotate(features[rows]), labels[rows], PENALTY)
        head = LinearHead(classes, fitted.classes, *fitted.unrotate(basis))
        geometry = Geometry(features, squared_norms(features), "benchmark", 0)
        query = Query(
            geometry, LabelledDistances(geometry), rows, labels[rows], candidates, head,
            head.probabilities(features), batch, np.random.default_rng(0),
        )  # fmt: skip
        return cls(features, labels, rows, candidates, model, query)

    def ours(self, name: str, shared: bool = False) -> Work:
        """The query with facts of the cell not yet known, or known."""
        entry = STRATEGIES[name]

        def work() -> object:
            query = replace(self.query, rng=np.random.default_rng(0))
            if not shared:
                geometry = Geometry(self.features, self.query.geometry.squared_norms, "benchmark", 0)
                query = replace(query, geometry=geometry, distances=LabelledDistances(geometry))
            if entry.uses_head:
                query = replace(query, scored=self._scored(query.geometry))
            return entry.select(query)

        return work

    def _scored(self, geometry: Geometry) -> Any:
        """Alone on the CPU, where a panel made for many heads would cost more."""
        if device.kind() == "cpu":
            return self.query.head.probabilities(self.features)
        return next(score_all([self.query.head], geometry.rows))[0].T


def activeml(case: Case, name: str) -> Work:
    """scikit-activeml's query; its classifier is fitted beforehand."""
    from skactiveml import pool
    from skactiveml.classifier import SklearnClassifier

    y = np.where(np.arange(len(case.labels)) >= len(case.candidates), case.labels, np.nan)
    classes = np.arange(case.query.head.class_count)
    batch = case.query.batch_size
    head = SklearnClassifier(LogisticRegression(C=PENALTY, tol=1e-6, max_iter=10_000), classes=classes)
    with_head = {"X": case.features, "y": y, "clf": head, "fit_clf": False, "batch_size": batch}
    without = {"X": case.features, "y": y, "batch_size": batch}
    clustering = {"n_init": 1, "max_iter": 20}
    strategies = {
        "margin": lambda: pool.UncertaintySampling(method="margin_sampling", random_state=0).query(**with_head),
        "badge": lambda: pool.Badge(random_state=0).query(**with_head),
        "dropquery": lambda: pool.DropQuery(
            n_dropout_samples=3, cluster_algo_dict=clustering, random_state=0
        ).query(**with_head),
        "falcun": lambda: pool.Falcun(random_state=0).query(**with_head),
        "coreset": lambda: pool.CoreSet(random_state=0).query(**without),
        "typiclust": lambda: pool.TypiClust(k=20, cluster_algo_dict=clustering, random_state=0).query(**without),
        "probcover": lambda: pool.ProbCover(
            n_classes=len(classes), cluster_algo_dict=clustering, random_state=0
        ).query(**without),
        "maxherding": lambda: pool.MaxHerding(random_state=0).query(**without),
    }  # fmt: skip
    if name in ("margin", "badge", "dropquery", "falcun"):
        head.fit(case.features, y)
    return strategies[name]


def small_text(case: Case, name: str) -> Work:
    """small-text's query, on embeddings."""
    from small_text import BreakingTies, GreedyCoreset
    from small_text.integrations.pytorch.query_strategies.strategies import BADGE

    strategy = {"margin": BreakingTies, "coreset": GreedyCoreset, "badge": BADGE}[name]
    options = {"badge": {"num_classes": case.query.head.class_count}, "coreset": {"normalize": False}}.get(name, {})
    inputs = (case.model, case.features, case.candidates, case.labelled, case.labels[case.labelled])
    extra = {} if name == "margin" else {"embeddings": case.features}
    return lambda: strategy(**options).query(*inputs, n=case.query.batch_size, **extra)


def modal(case: Case, name: str) -> Work:
    """modAL's query."""
    from modAL.uncertainty import margin_sampling

    assert name == "margin"
    return lambda: margin_sampling(case.model, case.features[case.candidates], n_instances=case.query.batch_size)


def factorised(case: Case, name: str) -> Work:
    """k-means++ on the factors of the gradient embedding: all distances anew from two products per centre."""
    assert name == "badge"

    def work() -> object:
        rng = np.random.default_rng(0)
        x = case.features[case.candidates]
        g = case.model.predict_proba(x).astype(np.float32)
        g[np.arange(len(g)), g.argmax(axis=1)] -= 1
        lengths = (g**2).sum(axis=1) * (x**2).sum(axis=1)
        chosen = [int(lengths.argmax())]
        nearest = np.full(len(x), np.inf)
        while len(chosen) < case.query.batch_size:
            row = chosen[-1]
            nearest = np.minimum(nearest, np.maximum(lengths + lengths[row] - 2 * (g @ g[row]) * (x @ x[row]), 0))
            nearest[chosen] = 0
            chosen.append(int(rng.choice(len(x), p=nearest / nearest.sum())))
        return chosen

    return work


PEERS: dict[str, tuple[Callable[[Case, str], Work], tuple[str, ...]]] = {
    "scikit-activeml": (
        activeml, ("margin", "coreset", "badge", "typiclust", "probcover", "dropquery", "falcun", "maxherding")
    ),
    "small-text": (small_text, ("margin", "coreset", "badge")),
    "modAL": (modal, ("margin",)),
    "factorised loop": (factorised, ("badge",)),
}  # fmt: skip


def compare(case: Case, name: str, limit: float) -> None:
    rows = {"ours": case.ours(name), "shared": case.ours(name, shared=True)}
    for peer, (query, known) in PEERS.items():
        if name in known:
            try:
                rows[peer] = query(case, name)
            except ImportError:
                continue
    rows["shared"]()
    timed = {who: seconds(work, limit) for who, work in rows.items()}
    memory = {who: float("nan") if np.isnan(timed[who]) else peak_mib(rows[who], 4 * limit) for who in rows}
    fastest = min((timed[who] for who in rows if who in PEERS and not np.isnan(timed[who])), default=float("nan"))
    for who in rows:
        ratio = "" if who in PEERS else number(fastest / timed[who])
        print(f"| {name} | {who} | {number(timed[who])} | {number(memory[who])} | {ratio} |", flush=True)


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("-n", type=int, default=5_000, help="pool rows")
    flags.add_argument("-d", type=int, default=384, help="dimensions")
    flags.add_argument("-C", type=int, default=4, help="classes")
    flags.add_argument("--limit", type=float, default=30.0, help="seconds for each contender")
    flags.add_argument("--only", default=",".join(OURS), help="strategies, separated by commas")
    chosen = flags.parse_args()
    warnings.filterwarnings("ignore")
    with threadpool_limits(1):
        print(f"{describe()}\nn = {chosen.n}, d = {chosen.d}, C = {chosen.C}; {LABELLED} labelled, batch {BATCH}\n")
        print("| strategy | who | CPU s | peak MiB | fastest peer ÷ ours |\n|---|---|---|---|---|")
        case = Case.of(chosen.n, chosen.d, chosen.C)
        for name in chosen.only.split(","):
            compare(case, name, chosen.limit)


if __name__ == "__main__":
    main()
