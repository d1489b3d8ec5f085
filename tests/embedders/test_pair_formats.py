import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nofreelunch.embedders.pair_formats import BLOCK, blocks, columns, complete
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
def test_features_of_a_pair_are_u_v_difference_product(u, v):
    features = np.hstack([u, v, np.full((3, 4), np.nan, np.float32)])
    complete(features)
    for i in range(3):
        pairs = list(zip(u[i], v[i], strict=True))
        assert features[i].tolist() == [*u[i], *v[i], *(abs(a - b) for a, b in pairs), *(a * b for a, b in pairs)]


@given(st.integers(0, 5 * BLOCK))
def test_blocks_part_the_rows(count):
    assert [row for rows in blocks(count) for row in range(rows.start, rows.stop)] == list(range(count))
