"""Classifiers from outside as heads."""

from pathlib import Path

import numpy as np
import pytest
from kinds import blobs, fitted
from pydantic import TypeAdapter, ValidationError
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from nofreelunch.base.errors import UserError
from nofreelunch.heads.kinds.sklearn import EstimatorSpec
from nofreelunch.heads.spec import HeadSpec

X, Y = blobs(80, 6, 4, seed=0)
MINE = """
import numpy as np


class Head:
    def __init__(self, sharp=1.0):
        self.sharp = sharp

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means = np.stack([X[y == c].mean(axis=0) for c in self.classes_])

    def predict_proba(self, X):
        e = np.exp(self.sharp * X @ self.means.T)
        return e / e.sum(axis=1, keepdims=True)
"""


def spec(estimator, **options):
    return EstimatorSpec(kind="sklearn", estimator=estimator, options=options)


def test_it_answers_as_the_classifier_does_and_a_class_without_a_label_has_probability_0():
    seen = Y != 2
    head = fitted(spec("sklearn.neighbors.KNeighborsClassifier", n_neighbors=3), X[seen], Y[seen], 5)
    expected = KNeighborsClassifier(3).fit(X[seen], Y[seen]).predict_proba(X)
    assert head.classes.tolist() == [0, 1, 3]
    np.testing.assert_array_equal(head.probabilities(X)[:, [0, 1, 3]], expected.astype(np.float32))
    assert not head.probabilities(X)[:, [2, 4]].any()


def test_what_it_draws_is_the_runs_own():
    forest = spec("sklearn.ensemble.RandomForestClassifier", n_estimators=5)
    one, same, other = (fitted(forest, X, Y, 4, seed=seed).probabilities(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    fixed = spec("sklearn.ensemble.RandomForestClassifier", n_estimators=5, random_state=3)
    expected = RandomForestClassifier(5, random_state=3).fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(fitted(fixed, X, Y, 4, seed=9).probabilities(X), expected, atol=1e-7)


def test_one_class_alone_is_certain_and_a_fit_that_stopped_early_is_said():
    head = fitted(spec("sklearn.svm.SVC", probability=True), X[:3], np.full(3, 2), 4)
    assert head.probabilities(X)[:, 2].tolist() == [1.0] * 80
    early = fitted(spec("sklearn.linear_model.LogisticRegression", max_iter=1), X, Y, 4)
    assert not early.training.converged


def test_a_class_of_a_file_is_a_head_and_its_text_is_in_its_identity(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    made = spec("mine.py", sharp=30.0)
    assert (fitted(made, X, Y, 4).probabilities(X).argmax(axis=1) == Y).mean() > 0.7
    before = made.outside()
    Path("mine.py").write_text(MINE + "# changed\n")
    assert made.outside() != before
    assert spec("mine.py:Head").outside().name == "Head"


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        ("sklearn.linear_model.LogisticRegresion", {}, "Did you mean 'LogisticRegression'"),
        ("sklearn.linear_model.LogisticRegression", {"c": 1}, "cannot be made with .*unexpected keyword argument 'c'"),
        ("sklearn.svm.LinearSVC", {}, "has no 'predict_proba'"),
        ("no_such.Classifier", {}, "ModuleNotFoundError"),
        ("Classifier", {}, "is no import path"),
        ("absent.py", {}, "cannot be read"),
    ],
)
def test_what_cannot_be_a_head_is_said_beforehand(estimator, options, message):
    with pytest.raises(ValidationError, match=message):
        spec(estimator, **options)


def test_a_fault_of_its_code_is_one_message():
    with pytest.raises(UserError, match="the head KNeighborsClassifier raises ValueError as it is asked about 80 rows"):
        fitted(spec("sklearn.neighbors.KNeighborsClassifier", n_neighbors=50), X[:9], Y[:9], 4).probabilities(X)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit('at once')", "cannot be imported: SystemExit: at once"),
        ("def Head():\n    raise SystemExit(0)", "cannot be made with {}: 0"),
    ],
)
def test_code_that_would_end_the_process_is_told(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(text)
    with pytest.raises(ValidationError, match=message):
        spec("mine.py")


def test_a_fit_that_would_end_the_process_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE.replace("self.classes_ = np.unique(y)", "raise SystemExit(0)"))
    with pytest.raises(UserError, match="the head Head raises SystemExit as it is fitted on 80 labels: 0"):
        fitted(spec("mine.py"), X, Y, 4)


def test_options_of_other_kinds_of_heads_may_stand_beside_it():
    said = {"kind": "sklearn", "estimator": "sklearn.naive_bayes.GaussianNB", "C": "cv", "intercept": "free"}
    assert TypeAdapter(HeadSpec).validate_python(said) == spec("sklearn.naive_bayes.GaussianNB")
    with pytest.raises(ValidationError, match="unknown key 'optoins'"):
        TypeAdapter(HeadSpec).validate_python(said | {"optoins": {}})
