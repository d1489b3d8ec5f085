"""Plain sentences out of marked-up text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.tasks.prose import Novelty, forbid, sentences

NAMES = forbid(["numpy", "np", "scikit-learn", "sklearn"])


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("Compute the mean of all the values.", ["Compute the mean of all the values."]),
        ("Sum along ``axis`` of the given array.", ["Sum along axis of the given array."]),
        ("Sum *all* of the **given** values.", ["Sum all of the given values."]),
        ("The :term:`kernel trick` maps inputs. It is a trick.", ["The kernel trick maps inputs.", "It is a trick."]),
        ("See the `user guide <https://a.org/x>`_ for more help.", ["See the user guide for more help."]),
        ("See [the user guide](https://a.org) for more help.", ["See the user guide for more help."]),
        ("Fits the model to data [1]_. Another plain sentence here.",
         ["Fits the model to data.", "Another plain sentence here."]),
        ("Works like an estimator (see `foo_bar`) for regression.", ["Works like an estimator for regression."]),
        ("Some methods, e.g. the fast one, are quick.", ["Some methods, for example the fast one, are quick."]),
        ("a lower case start gets mended", ["A lower case start gets mended."]),
        ("The tolerance of the solver (default: 0.1)", ["The tolerance of the solver."]),
    ],
)  # fmt: skip
def test_mark_up_becomes_words(marked, plain):
    assert sentences(marked, NAMES) == plain


@pytest.mark.parametrize(
    "code",
    [
        "Equivalent to calling x.mean() on the array.",
        "Equivalent to calling mean(x, y) on the array.",
        "Returns the same as `scipy_mean` of the array.",
        "Returns a new DataFrame of the given values.",
        "Returns a new float64 scalar of the values.",
        "The dtype of the values in the array.",
        "Look it up at https://example.org/page in full.",
        "The value is :math:`x^2` for every input.",
        "The value is $x^2$ for every given input.",
        "The values < 3 are all set to zero.",
        "Die Größe der übergebenen Menge ist wichtig.",
        "Defined as in the description that follows below",
        "Too few words.",
        "The algorithm is described in [2]_ by its authors.",
    ],
)
def test_sentences_with_code_formulas_or_loose_ends_are_dropped(code):
    assert sentences(code, NAMES) == []


@pytest.mark.parametrize(
    ("named", "plain"),
    [
        ("Convert the NumPy array to a list.", "Convert the array to a list."),
        ("This is much faster than numpy.", "This is much faster than the library."),
        ("All values as in NumPy's own array.", "All values as in own array."),
        ("Any scikit-learn estimator with a score.", "Any estimator with a score."),
        ("A numpy-like array of many values.", "A like array of many values."),
        ("Values are as in (NumPy) arrays here.", "Values are as in arrays here."),
    ],
)
def test_names_are_cut_out(named, plain):
    assert sentences(named, NAMES) == [plain]


@given(st.text(alphabet="abNnumpy`*:_.()[]<>$ \n1-'", max_size=120))
def test_no_name_mark_up_or_marker_is_left(text):
    for sentence in sentences(f"Some words of text {text} and some more words.", NAMES):
        assert not NAMES.search(sentence)
        assert not set(sentence) & set("`*_[]<>$\x00\x01\n")
        assert len(sentence.split()) >= 4
        assert sentence[-1] in ".!?"


def test_names_match_whole_words_only():
    assert not forbid(["np", "sp"]).search("input, spline, unspecified np2")
    assert forbid(["np"]).search("an np-array")
    assert not forbid([]).search("anything")


def test_variations_are_refused_and_counted():
    novelty = Novelty()
    assert novelty.admits("Return the mean of the values along axis 0.")
    assert not novelty.admits("return  the MEAN of the values, along axis 1!")
    assert not novelty.admits("Return the mean of the values along columns.")
    assert novelty.admits("Draw a line between both of the given points.")
    assert novelty.admits("Too short")
    assert not novelty.admits("too short.")
    assert novelty.refused == 3
