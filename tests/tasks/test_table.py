"""The task table: checks, de-duplication, the cap and the files."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.tasks.table import Split, Task, cap, deduplicate, read_split, validate, write_task


def split(text, label, pair=None):
    return Split(list(text), pair, np.array(label, np.int64))


def task(train=None, test=None, names=("a", "b")):
    train = split("xy", [0, 1]) if train is None else train
    return Task(names, train, split("z", [0]) if test is None else test, {"source": "test"})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (task(train=split("", [])), "train split has no rows"),
        (task(test=split("", [])), "test split has no rows"),
        (task(train=split(["x", " \n"], [0, 1])), "row 1 has no text"),
        (task(train=split("xy", [0, 1], ["p", ""]), test=split("z", [0], ["q"])), "row 1 has no text_pair"),
        (task(train=split(["x", None], [0, 1])), "row 1 has no text"),
        (task(train=split("xy", [0, 2])), "row 1 has the label 2; legal labels are 0 to 1"),
        (task(test=split("z", [-1])), "row 0 has the label -1"),
        (task(train=split("xy", [1, 1])), "every train row has the class 'b'"),
        (task(train=split("xy", [0, 1], ["p", "q"])), "one split has pairs"),
        (task(train=split("xyz", [0, 1])), "columns differ in length"),
        (task(train=split("xy", [0, 1], ["p"])), "columns differ in length"),
    ],
)
def test_validate_says_what_is_wrong(bad, said):
    with pytest.raises(UserError, match=said) as error:
        validate(bad, "mine")
    assert "'mine'" in str(error.value)


def test_a_class_without_train_rows_is_noted():
    found = validate(task(test=split("zw", [2, 0]), names=("a", "b", "c")), "mine")
    assert found.card == {
        "source": "test",
        "classes_only_in_test": ["c"],
        "classes_only_in_train": ["b"],
        "small_classes": {"a": 2, "b": 1, "c": 1},
    }


small = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 1)), max_size=12)


@given(small, small)
def test_deduplicate_equals_a_plain_loop(train_rows, test_rows):
    def of(rows):
        return split([text for text, _ in rows], [label for _, label in rows])

    def plain(rows, forbidden):
        kept = {}
        for text, label in rows:
            if text not in forbidden and text not in kept:
                kept[text] = label
        return list(kept.items())

    train, test, removed = deduplicate(of(train_rows), of(test_rows))
    wanted_test = plain(test_rows, ())
    wanted_train = plain(train_rows, dict(test_rows))
    assert list(zip(test.text, test.label.tolist(), strict=True)) == wanted_test
    assert list(zip(train.text, train.label.tolist(), strict=True)) == wanted_train
    assert removed["test"] == len(test_rows) - len(wanted_test)
    assert removed["train"] + removed["train_also_in_test"] == len(train_rows) - len(wanted_train)


def test_pairs_are_equal_only_when_both_texts_are():
    train = split("xxx", [0, 1, 1], ["p", "q", "p"])
    kept, _, removed = deduplicate(train, split("x", [0], ["r"]))
    assert (kept.text_pair, removed) == (["p", "q"], {"train": 1, "test": 0, "train_also_in_test": 0})


@given(st.lists(st.integers(0, 4), min_size=6, max_size=80), st.integers(5, 90), st.integers(0, 3))
def test_cap_keeps_order_classes_and_proportions(labels, rows, seed):
    whole = split([str(i) for i in range(len(labels))], labels)
    kept = cap(whole, rows, "t", seed)
    index = [int(text) for text in kept.text]
    assert index == sorted(set(index))
    assert kept.label.tolist() == [labels[i] for i in index]
    assert len(kept) == min(rows, len(labels))
    assert set(kept.label.tolist()) == set(labels)
    # Those lifted to one row are paid for by the others, never by more than one row for each of the five.
    for label in set(labels):
        ideal = Fraction(labels.count(label) * len(kept), len(labels))
        assert abs(kept.label.tolist().count(label) - ideal) <= 5
    assert kept.text == cap(whole, rows, "t", seed).text


def test_cap_worked_by_hand():
    # 6, 3 and 1 of 10 rows into 5: ideal 3, 1.5 and 0.5, the last lifted to 1.
    whole = split([str(i) for i in range(10)], [0] * 6 + [1] * 3 + [2])
    assert np.bincount(cap(whole, 5, "t").label).tolist() == [3, 1, 1]
    assert cap(whole, None, "t") is whole
    assert len({tuple(cap(whole, 5, "t", seed).text) for seed in range(20)}) > 5


def test_cap_below_the_number_of_classes_is_refused():
    with pytest.raises(UserError, match="cap of 2 rows cannot hold the 3 classes"):
        cap(split("abc", [0, 1, 2]), 2, "t")


@pytest.mark.parametrize("pair", [None, ["p", "ü"]])
def test_written_splits_are_read_back(tmp_path, monkeypatch, pair):
    monkeypatch.chdir(tmp_path)
    made = Task(("a", "b"), split(["x", "naïve"], [1, 0], pair), split(["x"], [1], pair and pair[:1]), {"source": "s"})
    write_task(made, "mine")
    for name in ("train", "test"):
        found, wanted = read_split("mine", name), getattr(made, name)
        assert (found.text, found.text_pair) == (wanted.text, wanted.text_pair)
        assert found.label.dtype == np.int64
        assert found.label.tolist() == wanted.label.tolist()
    card = storage.read_json(layout.task_card("mine"))
    assert card["classes"] == ["a", "b"]
    assert card["source"] == "s"
    assert card["train_test_overlap"] == 1
    assert card["train"] == {"rows": 2, "class_counts": {"a": 1, "b": 1}, "sha256": made.train.digest()}
    assert card["test"]["class_counts"] == {"a": 0, "b": 1}


def test_the_digest_tells_texts_pairs_labels_and_order():
    splits = [
        split("xy", [0, 1]),
        split("xy", [1, 0]),
        split("yx", [0, 1]),
        split("xy", [0, 1], ["", ""]),
        split("xy", [0, 1], ["", "p"]),
        split(["xy", ""], [0, 1]),
    ]
    assert len({found.digest() for found in splits}) == len(splits)


def test_reading_refuses_what_is_no_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is missing"):
        read_split("mine", "train")
    path = layout.task_split("mine", "train")
    storage.write_table(path, {"text": ["x"]})
    with pytest.raises(UserError, match="lacks the column"):
        read_split("mine", "train")
    storage.write_table(path, {"text": ["x"], "label": np.array([0.0])})
    with pytest.raises(UserError, match="float64, not int64"):
        read_split("mine", "train")
    storage.write_table(path, {"text": ["x", None], "label": np.array([0, 1])})
    with pytest.raises(UserError, match="row 1 has no text"):
        read_split("mine", "train")
