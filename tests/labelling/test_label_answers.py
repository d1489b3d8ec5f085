import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.labelling.answers import almost, of_groups, read_answers
from nofreelunch.labelling.state import OPEN, SKIPPED
from nofreelunch.labelling.twins import WORDS, same_words, twins


def test_labels_become_classes_and_the_rest_is_said():
    found = read_answers(["b", "", "?", " b", "a", "c"], "?", ["a", "b", "d"])
    assert found.names == ["a", "b", "d", "c"]
    assert found.labels.tolist() == [1, OPEN, SKIPPED, 1, 0, 3]
    assert found.spelled == {"b": {"b": 2, " b": 1}}
    assert found.unseen == ["d"]
    assert found.unexpected == ["c"]


def test_a_difference_in_case_is_asked_about():
    with pytest.raises(UserError, match=r"'Spam' \(1 rows\) and 'spam' \(2 rows\).*--accept-new"):
        read_answers(["spam", "Spam", "spam"], "?")
    assert read_answers(["spam", "Spam", "spam"], "?", accept=True).names == ["Spam", "spam"]
    with pytest.raises(UserError, match="case alone"):
        read_answers(["spam"], "?", ["Spam"])


def test_a_slip_of_the_pen_is_suspected():
    assert read_answers(["billing"] * 20 + ["biling", "refund"], "?").slips == [("biling", "billing")]
    assert read_answers(["billing"] * 20 + ["biling"] * 3, "?").slips == []


def test_nothing_labelled_yet():
    found = read_answers(["", ""], "?")
    assert (found.names, found.labels.tolist(), found.spelled) == ([], [OPEN, OPEN], {})


def test_names_that_are_almost_known():
    known = ["billing", "Re fund"]
    assert almost("Billing", known) == "billing"
    assert almost("billing ", known) == "billing"
    assert almost("Re  fund", known) == "Re fund"
    assert almost("billing", known) is None
    assert almost("refund", known) is None


def test_twins_answer_once_and_contradictions_are_found():
    group = np.array([0, 0, 2, 0, 4, 4, 6])
    labels = np.array([OPEN, 1, SKIPPED, 1, 2, 0, OPEN])
    found, differing = of_groups(labels, group)
    assert found.tolist() == [1, OPEN, SKIPPED, OPEN, 2, OPEN, OPEN]
    assert [rows.tolist() for rows in differing] == [[4, 5]]
    assert of_groups(np.array([SKIPPED, 1]), np.array([0, 0]))[0].tolist() == [1, OPEN]


def test_twins_have_the_same_words():
    assert same_words("Hello,  World!!") == same_words("hello world")
    assert same_words("?!") == "?!"
    texts = ["Hello, world!", "bye", "hello world", "Bye.", "hello"]
    assert twins(texts, np.eye(5, dtype=np.float32)).tolist() == [0, 1, 0, 1, 4]
    assert twins([], np.empty((0, 3), np.float32)).tolist() == []


def test_twins_share_nearly_all_words_and_the_direction():
    words = [f"w{i}" for i in range(20)]
    texts = [" ".join(words), " ".join([*words[1:], "other"]), " ".join([*words[2:], "two", "more"])]
    same = np.ones((3, 4), np.float32)
    assert twins(texts, same).tolist() == [0, 0, 2]
    apart = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    assert twins(texts, apart).tolist() == [0, 1, 2]


@given(st.lists(st.lists(st.integers(0, 25), min_size=1, max_size=24), min_size=2, max_size=12))
def test_twins_are_those_of_all_pairs(sets):
    texts = [" ".join(f"w{i}" for i in row) for row in sets]
    found = twins(texts, np.ones((len(texts), 2), np.float32))
    expected = list(range(len(texts)))
    keys = {}
    for i, text in enumerate(texts):
        expected[i] = keys.setdefault(text, i)
    leaders = sorted(keys.values())
    for b, a in sorted((b, a) for a, b in itertools.combinations(leaders, 2)):
        one, other = set(sets[a]), set(sets[b])
        if len(one & other) >= WORDS * len(one | other) and expected[a] == a and expected[b] == b:
            expected[b] = a
    assert found.tolist() == [expected[expected[i]] for i in range(len(texts))]
