"""Agreement with other libraries where they implement the same definition; skipped where they are not installed
(benchmarks/requirements-peers.txt)."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.query import Case
from nofreelunch.selection.strategies import STRATEGIES, probcover

pytestmark = pytest.mark.filterwarnings("ignore")
SIZES = pytest.mark.parametrize(("d", "classes"), [(12, 2), (24, 7)])


def case(d: int, classes: int, batch: int = 30) -> Case:
    return Case.of(400, d, classes, labelled=40, batch=batch)


def labels_with_gaps(made: Case) -> np.ndarray:
    y = made.labels.astype(float)
    y[made.candidates] = np.nan
    return y


def picks(made: Case, name: str, **options) -> list[int]:
    return STRATEGIES[name].select(made.query, **options).tolist()


class Fixed:
    """A scikit-learn classifier that answers with our head's probabilities."""

    def __init__(self, made: Case) -> None:
        self.made = made

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        return self.made.query.head.probabilities(np.asarray(features, np.float32)).astype(np.float64)


@SIZES
def test_margin_equals_modal(d: int, classes: int) -> None:
    uncertainty = pytest.importorskip("modAL.uncertainty")
    made = case(d, classes)
    rows = uncertainty.margin_sampling(Fixed(made), made.features[made.candidates], n_instances=30)
    rows = rows[0] if isinstance(rows, tuple) else rows
    assert set(made.candidates[rows]) == set(picks(made, "margin"))


@SIZES
def test_uncertainties_and_coreset_equal_small_text(d: int, classes: int) -> None:
    small_text = pytest.importorskip("small_text")
    made = case(d, classes)
    inputs = (Fixed(made), made.features, made.candidates, made.labelled, made.labels[made.labelled])
    for name, strategy in (
        ("margin", small_text.BreakingTies),
        ("entropy", small_text.PredictionEntropy),
        ("least_confident", small_text.LeastConfidence),
    ):
        assert set(strategy().query(*inputs, n=30)) == set(picks(made, name)), name
    # It takes positions among the candidates for rows of the pool: right only where the candidates come first.
    rows = small_text.GreedyCoreset(normalize=False).query(*inputs, n=30, embeddings=made.features)
    assert rows.tolist() == picks(made, "coreset")


@SIZES
def test_uncertainties_and_coreset_equal_scikit_activeml(d: int, classes: int) -> None:
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.classifier import SklearnClassifier

    made = case(d, classes)
    y = labels_with_gaps(made)
    head = SklearnClassifier(LogisticRegression(C=100.0, tol=1e-10, max_iter=100_000), classes=np.arange(classes))
    head.fit(made.features.astype(np.float64), y)
    for name, method in (("margin", "margin_sampling"), ("entropy", "entropy"), ("least_confident", "least_confident")):
        rows = pool.UncertaintySampling(method=method, random_state=0).query(
            made.features.astype(np.float64), y, head, fit_clf=False, batch_size=30
        )
        assert set(rows) == set(picks(made, name)), name
    assert pool.CoreSet(random_state=0).query(made.features, y, batch_size=30).tolist() == picks(made, "coreset")


@SIZES
def test_badge_starts_where_scikit_activeml_does(d: int, classes: int) -> None:
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.classifier import SklearnClassifier

    made = case(d, classes)
    y = labels_with_gaps(made)
    head = SklearnClassifier(LogisticRegression(C=100.0, tol=1e-10, max_iter=100_000), classes=np.arange(classes))
    head.fit(made.features.astype(np.float64), y)
    rows = pool.Badge(random_state=0).query(made.features.astype(np.float64), y, head, fit_clf=False, batch_size=1)
    assert rows[0] == picks(made, "badge")[0]


@SIZES
def test_maxherding_equals_scikit_activeml(d: int, classes: int) -> None:
    pool = pytest.importorskip("skactiveml.pool")
    made = case(d, classes)
    strategy = pool.MaxHerding(metric="rbf", metric_dict={"gamma": 1.0}, random_state=0)
    rows = strategy.query(made.features.astype(np.float64), labels_with_gaps(made), batch_size=30)
    assert rows.tolist() == picks(made, "maxherding", bandwidth=1.0)


@SIZES
def test_probcover_picks_a_fullest_ball_of_scikit_activeml(d: int, classes: int) -> None:
    pool = pytest.importorskip("skactiveml.pool")
    made = case(d, classes, batch=1)
    radius = float(np.sqrt(probcover.purity_radius(made.query.geometry.unit(), classes, 0.5)))
    strategy = pool.ProbCover(n_classes=classes, deltas=[radius * (1 - 1e-6)], random_state=0)
    _, gains = strategy.query(made.features, labels_with_gaps(made), batch_size=1, return_utilities=True)
    assert gains[0][picks(made, "probcover", purity=0.5)[0]] == np.nanmax(gains[0])


@SIZES
def test_typiclust_equals_scikit_activeml_on_the_same_clusters(d: int, classes: int) -> None:
    pool = pytest.importorskip("skactiveml.pool")
    made = case(d, classes, batch=5)
    clusters = made.query.geometry.unit().clustering(45)

    class Ours:
        def __init__(self, n_clusters: int) -> None:
            assert n_clusters == 45

        def fit_predict(self, features: np.ndarray) -> np.ndarray:
            return clusters

    rows = pool.TypiClust(cluster_algo=Ours, k=2, random_state=0).query(
        made.features, labels_with_gaps(made), batch_size=5
    )
    theirs, ours = (
        {int(clusters[row]): int(row) for row in found} for found in (rows, picks(made, "typiclust", neighbours=2))
    )
    shared = theirs.keys() & ours.keys()
    assert len(shared) >= 3
    assert {cluster: theirs[cluster] for cluster in shared} == {cluster: ours[cluster] for cluster in shared}
