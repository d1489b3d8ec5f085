import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nofreelunch.embedders.pair_formats import columns, combine
from nofreelunch.tasks.table import Split

PAIRS = Split(["a", "b"], ["x", "y"], np.array([0, 1]))


@pytest.mark.parametrize(
    ("pair_format", "expected"),
    [
        ("joined", [["a [SEP] x", "b [SEP] y"]]),
        ("labelled", [["premise: a\nhypothesis: x", "premise: b\nhypothesis: y"]]),
        ("concat", [["a", "b"], ["x", "y"]]),
    ],
)
def test_pair_formats(pair_format, expected):
    assert columns(PAIRS, pair_format, "[SEP]", ("premise", "hypothesis")) == expected


@pytest.mark.parametrize("pair_format", ["joined", "labelled", "concat"])
def test_single_texts_stay_as_they_are(pair_format):
    assert columns(Split(["a"], None, np.array([0])), pair_format) == [["a"]]


def test_unknown_format():
    with pytest.raises(ValueError, match="mixed"):
        columns(PAIRS, "mixed")


vectors = arrays(np.float32, (3, 2), elements=st.floats(-9, 9, width=32))


@given(vectors, vectors)
def test_combined_pair_is_u_v_difference_product(u, v):
    row = combine([u, v])
    assert row.dtype == np.float32
    assert row.flags.c_contiguous
    for i in range(3):
        assert row[i].tolist() == [*u[i], *v[i], *(abs(a - b) for a, b in zip(u[i], v[i])), *(u[i] * v[i])]  # noqa: B905


@given(vectors)
def test_one_column_is_left_alone(u):
    assert np.array_equal(combine([u]), u)
