import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from nofreelunch.base.errors import UserError
from nofreelunch.base.randomness import generator
from nofreelunch.tasks.annotator import AnnotatorSpec, answers, transitions

LABELS = np.random.default_rng(0).integers(4, size=20_000)
MATRIX = [[0.7, 0.1, 0.1, 0.1], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0.25, 0.25, 0.25, 0.25]]


def spec(**section):
    return TypeAdapter(AnnotatorSpec).validate_python(section)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"noise": "symmetric", "rate": 0.3}, 0.7 * np.eye(4) + 0.1 * (1 - np.eye(4))),
        ({"noise": "next", "rate": 0.4}, 0.6 * np.eye(4) + 0.4 * np.eye(4)[[1, 2, 3, 0]]),
        (
            {"noise": "per_class", "rates": [0.0, 0.3, 0.6, 0.9]},
            [[1, 0, 0, 0], [0.1, 0.7, 0.1, 0.1], [0.2, 0.2, 0.4, 0.2], [0.3, 0.3, 0.3, 0.1]],
        ),
        ({"noise": "matrix", "matrix": MATRIX}, MATRIX),
        ({"noise": "none"}, np.eye(4)),
    ],
    ids=lambda value: value["noise"] if isinstance(value, dict) else "",
)
def test_answers_follow_the_rates(section, expected):
    np.testing.assert_allclose(transitions(spec(**section), 4), expected)
    said = answers(spec(**section), LABELS, 4, np.random.default_rng(1))
    for label in range(4):
        counts = np.bincount(said[np.equal(LABELS, label)], minlength=4)
        law = np.array(expected[label], float)
        assert counts[law == 0].sum() == 0
        if (law > 0).sum() > 1:
            assert stats.chisquare(counts[law > 0], counts.sum() * law[law > 0]).pvalue > 1e-4


def test_no_noise_gives_the_labels_themselves():
    assert answers(spec(noise="none"), LABELS, 4, np.random.default_rng(0)) is LABELS


@given(st.integers(2, 150), st.floats(0, 1), st.sampled_from(["symmetric", "next"]))
def test_any_rate_is_a_distribution_for_any_number_of_classes(classes, rate, noise):
    law = transitions(spec(noise=noise, rate=rate), classes)
    assert (law >= 0).all()
    np.testing.assert_allclose(law.sum(axis=1), 1)
    np.testing.assert_allclose(np.diag(law), 1 - rate)


@pytest.mark.parametrize("noise", ["symmetric", "next"])
def test_what_is_wrong_at_a_low_rate_is_wrong_at_a_higher_one(noise):
    few, many = (
        answers(spec(noise=noise, rate=rate), LABELS, 4, generator("d", 0, "annotator")) != LABELS
        for rate in (0.1, 0.3)
    )
    assert few.sum() > 1500
    assert many[few].all()


@pytest.mark.parametrize(
    "section", [{"noise": "per_class", "rates": [0.1, 0.2]}, {"noise": "matrix", "matrix": [[1, 0.0], [0.0, 1]]}]
)
def test_rates_for_another_number_of_classes_are_refused(section):
    with pytest.raises(UserError, match=r"for 2 classes, but the task has 4"):
        answers(spec(**section), LABELS, 4, np.random.default_rng(0))


@pytest.mark.parametrize("matrix", [[[0.5, 0.4], [0, 1]], [[1.0], [0.0]], [[1, 0, 0], [0, 1, 0]]])
def test_rows_of_a_matrix_must_be_distributions(matrix):
    with pytest.raises(ValidationError, match="row 0 of the matrix"):
        spec(noise="matrix", matrix=[[float(p) for p in row] for row in matrix])
