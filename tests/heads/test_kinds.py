"""What every kind of head promises."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import KINDS, blobs, fitted
from pydantic import TypeAdapter

from nofreelunch.base import provenance
from nofreelunch.base.provenance import defining_modules
from nofreelunch.heads import trainer
from nofreelunch.heads.kinds import KINDS as REGISTRY
from nofreelunch.heads.linear import LinearHead, score_all
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.space.rows import Rows

kinds = pytest.mark.parametrize("spec", KINDS, ids=str)


def test_every_kind_has_a_section_and_a_trainer():
    assert {spec.kind for spec in KINDS} == set(REGISTRY)


def test_a_section_without_a_kind_is_logistic_regression():
    spec = TypeAdapter(HeadSpec).validate_python({"C": 3.0, "scaling": "none"})
    assert (spec.kind, spec.C, spec.scaling) == ("logistic", 3.0, "none")


@kinds
def test_a_fit_says_how_it_went(spec):
    features, labels = blobs(60, 5, 3, seed=0)
    training = fitted(spec, features, labels, 3).training
    assert np.isnan(training.C) == (spec.kind in ("knn", "lda", "ridge", "sklearn"))
    assert (training.iterations > 0) == (spec.kind in ("logistic", "mlp", "sklearn"))
    assert training.gradient_norm < 0.1
    assert training.converged or spec.kind == "mlp"


@kinds
def test_linear_kinds_are_those_with_a_linear_head(spec):
    features, labels = blobs(30, 5, 3, seed=0)
    assert isinstance(fitted(spec, features, labels, 3), LinearHead) == spec.linear


@kinds
def test_learns_what_can_be_learned(spec):
    features, labels = blobs(600, 16, 5, seed=1, spread=0.6)
    rows = np.arange(150)
    head = trainer(spec, Rows(features), 5).learner(np.random.default_rng(0)).fit(rows, labels[:150])
    p = head.probabilities(features[150:])
    assert (p.argmax(axis=1) == labels[150:]).mean() > 0.9
    assert -np.log(np.maximum(p[np.arange(450), labels[150:]], 1e-7)).mean() < 0.7


@kinds
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 30), d=st.integers(1, 12), classes=st.integers(2, 6),
    degenerate=st.sampled_from(["none", "constant", "duplicates", "zeros", "large"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_input_gives_probabilities_and_zero_for_missing_classes(spec, n, d, classes, degenerate, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d)).astype(np.float32)
    if degenerate == "constant":
        features[:] = 0.5
    elif degenerate == "duplicates":
        features[:] = features[rng.integers(2, size=n) % n]
    elif degenerate == "zeros":
        features[:] = 0
    elif degenerate == "large":
        features *= 50
    labels = rng.integers(classes, size=n)
    head = fitted(spec, features, labels, classes)
    p = head.probabilities(features)
    assert p.shape == (n, classes)
    assert p.dtype == np.float32
    assert p.T.flags.c_contiguous
    assert np.all(p >= 0)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-4)
    np.testing.assert_array_equal(head.classes, np.unique(labels))
    assert not np.delete(p, head.classes, axis=1).any()


@kinds
@pytest.mark.parametrize("seed", range(5))
def test_far_apart_rows_of_great_length_do_no_harm(spec, seed):
    features, labels = blobs(25, 16, 4, seed)
    p = fitted(spec, features * 300 + 50, labels, 4).probabilities(features * 300 + 50)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-4)


@kinds
def test_refitting_with_more_rows_equals_a_fresh_fit(spec):
    features, labels = blobs(260, 12, 4, seed=2)
    made = trainer(spec, Rows(features), 4)
    kept, fresh = (made.learner(np.random.default_rng(7)) for _ in range(2))
    kept.fit(np.arange(40), labels[:40])
    again = kept.fit(np.arange(120), labels[:120]).probabilities(features)
    np.testing.assert_allclose(again, fresh.fit(np.arange(120), labels[:120]).probabilities(features), atol=1e-4)


@kinds
def test_scoring_many_heads_equals_scoring_each(spec, monkeypatch):
    monkeypatch.setenv("NOFREELUNCH_SCORES_MIB", "1")
    features, labels = blobs(3000, 12, 4, seed=2)
    made = trainer(spec, Rows(features), 4)
    rows = np.array_split(np.arange(240), 6)
    heads = [made.learner(np.random.default_rng(0)).fit(part, labels[part]) for part in rows]
    scored = (own.T for panel in score_all(heads, Rows(features)) for own in panel)
    for head, p in zip(heads, scored, strict=True):
        np.testing.assert_allclose(p, head.probabilities(features), atol=2e-6)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_kind_is_its_file_and_its_code_is_in_the_keys_of_its_runs_alone(name):
    kind = REGISTRY[name]
    assert get_args(kind.section.model_fields["kind"].annotation) == (name,)
    assert defining_modules(kind) == [f"nofreelunch.heads.kinds.{name}"]
    others = {f"nofreelunch.heads.kinds.{other}" for other in REGISTRY if other != name}
    assert not others & provenance._closure((*defining_modules(kind), "nofreelunch.cells.simulation"))
