"""`nofreelunch.query` and `QueryStrategy`: as a library, and in the loops of scikit-activeml and modAL."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_X_y

import nofreelunch
from nofreelunch.base.errors import UserError
from nofreelunch.selection.contract import blobs
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.strategies import STRATEGIES

CLASSES = 4
X, TRUTH = blobs(120, 8, CLASSES)
LABELLED = np.random.default_rng(1).choice(len(X), 20, replace=False)


def labels(missing=-1):
    y = np.full(len(X), missing, float if missing is np.nan else object if missing is None else int)
    y[LABELLED] = TRUTH[LABELLED]
    return y


@pytest.mark.parametrize("name", [name for name, entry in STRATEGIES.items() if not entry.uses_truth])
def test_every_strategy_gives_open_rows_and_the_same_for_the_same_seed(name):
    rows = nofreelunch.query(X, labels(), name, batch_size=7, rng=3)
    assert (rows.dtype, len(set(rows.tolist()))) == (np.int64, 7)
    assert not set(rows.tolist()) & set(LABELLED.tolist())
    for missing in (np.nan, None):
        np.testing.assert_array_equal(nofreelunch.query(X, labels(missing), name, batch_size=7, rng=3), rows)


def test_margin_is_that_of_the_strategy_on_the_same_request():
    shifted = X + 3
    rows = nofreelunch.query(shifted, labels(), "margin", batch_size=5, rng=0)
    centred = shifted - shifted.mean(axis=0)
    p = LogisticRegression(C=1).fit(centred[LABELLED], TRUTH[LABELLED]).predict_proba(centred)
    assert len(set(rows) & set(np.argsort(np.ptp(np.sort(p)[:, -2:], axis=1))[:40])) == 5
    names = np.array(["a", "b", "c", "d", None], object)
    np.testing.assert_array_equal(nofreelunch.query(shifted, names[labels()], "margin", batch_size=5, rng=0), rows)


def test_candidates_classes_and_batches_larger_than_what_is_left():
    free = np.setdiff1d(np.arange(len(X)), LABELLED)
    some = free[::3]
    assert set(nofreelunch.query(X, labels(), "badge", batch_size=5, rng=0, candidates=some)) <= set(some)
    assert sorted(nofreelunch.query(X, labels(), "margin", batch_size=999, rng=0, classes=6)) == free.tolist()
    assert len(nofreelunch.query(X, TRUTH, "margin", rng=0)) == 0


@pytest.mark.parametrize("name", POOLS)
def test_with_no_label_an_initial_pool_is_chosen(name):
    rows = nofreelunch.query(X, np.full(len(X), np.nan), name, batch_size=6, rng=0)
    assert len(set(rows.tolist())) == 6
    some = np.arange(40, 90)
    assert set(nofreelunch.query(X, [-1] * len(X), name, batch_size=6, rng=0, candidates=some)) <= set(some)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X, labels(), "bagde"), {}, "unknown query strategy 'bagde'. Did you mean 'badge'"),
        ((X, labels(), "oracle"), {}, "unknown query strategy 'oracle'"),
        ((X, labels(), "badge"), {"frist": 1}, "unknown option 'frist'. Did you mean 'first'"),
        ((X, np.full(len(X), -1), "badge"), {}, "unknown initial pool selection .nothing is labelled yet. 'badge'"),
        ((X[:5], labels(), "badge"), {}, "one label for each of the 5 rows"),
        ((X * np.nan, labels(), "badge"), {}, "finite numbers"),
        ((["text"] * 3, [1, 2, 3], "badge"), {}, "X must be an array of numbers"),
        ((X, labels(), "badge"), {"batch_size": 0}, "batch_size must be a whole number"),
        ((X, labels(), "badge"), {"candidates": LABELLED}, "has a label, or is not in X"),
        ((X, labels(), "badge"), {"candidates": X[:3]}, "numbers of rows of X"),
        ((X, labels(), "badge"), {"classes": 2}, "y has 4 classes, more than the 2"),
    ],
)
def test_wrong_arguments_are_one_message(arguments, options, message):
    with pytest.raises(UserError, match=message):
        nofreelunch.query(*arguments, **options)


def test_the_package_loads_nothing_until_it_is_asked():
    code = "import sys, nofreelunch; print('numpy' in sys.modules, nofreelunch.query.__name__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False query\n"
    with pytest.raises(AttributeError, match="no attribute 'qeury'"):
        nofreelunch.qeury  # noqa: B018


def test_an_object_draws_anew_with_every_query_and_alike_from_the_same_seed():
    made = [nofreelunch.QueryStrategy("random", random_state=seed) for seed in (0, 0, 1)]
    first, second, other = ([one.query(X, labels(), batch_size=9).tolist() for _ in range(2)] for one in made)
    assert first == second != other
    assert first[0] != first[1]
    old = nofreelunch.QueryStrategy("random", random_state=np.random.RandomState(0))
    assert len(old.query(X, labels(), batch_size=9)) == 9
    with pytest.raises(UserError, match="unknown option"):
        nofreelunch.QueryStrategy("margin", first="largest")
    with pytest.raises(UserError, match="utilities"):
        made[0].query(X, labels(), return_utilities=True)


def learned(labelled):
    return LogisticRegression().fit(X[labelled], TRUTH[labelled]).score(X, TRUTH)


@pytest.mark.parametrize("name", ["badge", "typiclust", "margin"])
def test_in_a_loop_of_scikit_activeml(name):
    pool = pytest.importorskip("skactiveml.pool")
    classifier = pytest.importorskip("skactiveml.classifier").SklearnClassifier
    counts = []
    for strategy in (pool.UncertaintySampling(random_state=0), nofreelunch.QueryStrategy(name, random_state=0)):
        y = labels(np.nan)
        for _ in range(3):
            clf = classifier(LogisticRegression(), classes=range(CLASSES), random_state=0).fit(X, y)
            rows = strategy.query(X=X, y=y, clf=clf, batch_size=5)
            assert np.isnan(y[rows]).all()
            y[rows] = TRUTH[rows]
        counts.append(int(np.isfinite(y).sum()))
    assert counts == [35, 35]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("name", ["badge", "coreset"])
def test_in_a_loop_of_modal(name, batch, monkeypatch):
    models = pytest.importorskip("modAL.models")

    def check(*arrays, force_all_finite, **more):
        """As scikit-learn has it since 1.8, which modAL 0.4.2 does not know."""
        return check_X_y(*arrays, ensure_all_finite=force_all_finite, **more)

    monkeypatch.setattr("modAL.models.learners.check_X_y", check)
    # Classes may be called −1, too.
    truth = TRUTH - 1
    pool = np.setdiff1d(np.arange(len(X)), LABELLED)
    learner = models.ActiveLearner(
        LogisticRegression(), nofreelunch.QueryStrategy(name, random_state=0), X[LABELLED], truth[LABELLED]
    )
    expected = nofreelunch.QueryStrategy(name, random_state=0)
    for _ in range(3):
        ours = expected(learner, X[pool], n_instances=batch)[0]
        positions, rows = learner.query(X[pool], n_instances=batch)
        np.testing.assert_array_equal(positions, ours)
        np.testing.assert_array_equal(rows, X[pool[positions]])
        learner.teach(rows, truth[pool[positions]])
        pool = np.delete(pool, positions)
    assert len(learner.X_training) == 20 + 3 * batch
