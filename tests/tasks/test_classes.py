"""Labels as people write them, and the classes they mean."""

import os
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.tasks.assemble import RawRows, assemble
from nofreelunch.tasks.classes import check_not_ids, spell, tidy
from nofreelunch.tasks.spec import FilesTask, HubTask

SPEC = FilesTask(source="files", train_file="own.csv")


def rows(labels, prefix="t"):
    return RawRows([f"{prefix}{i}" for i in range(len(labels))], None, list(labels))


@pytest.mark.parametrize(
    ("ways", "name"),
    [
        (["spam", " spam", "spam ", "spam\xa0", "\ufeffspam", "spam\u200b"], "spam"),
        (["sehr  gut", "sehr gut", "sehr\xa0gut"], "sehr gut"),
        ([unicodedata.normalize(form, "größer é") for form in ("NFC", "NFD")], "größer é"),
        ([1, 1.0, "1", "1.0", " 1 ", "1.00"], "1"),
        ([-1, "-1", "-1.0"], "-1"),
        (["❤", "❤\ufe0f"], "❤"),
    ],
)
def test_spellings_that_nobody_can_tell_apart_are_one_class(ways, name):
    found = spell([ways, ["other"]], None, "here")
    assert found.parts == [[name] * len(ways), ["other"]]
    assert set(found.merged) == {name}
    assert sum(found.merged[name].values()) == len(ways)


def test_what_looks_alike_and_is_not():
    kept = ["1", "01", "👩\u200d🚒", "👩🚒", "1.1", "a", "ä"]
    assert spell([kept], None, "here").parts == [kept]
    # Fractions among the labels: 1.0 is a version, not the number 1.
    assert spell([["1.0", "1.1", "2.0"]], None, "here").parts == [["1.0", "1.1", "2.0"]]
    assert spell([["01", "1", "2"]], None, "here").alike == [["01", "1"]]


@pytest.mark.parametrize("ways", [["Spam", "spam"], ["TRUE", "True", "true"], [True, "TRUE"], ["ÄRGER", "Ärger"]])
def test_a_difference_in_case_alone_is_asked_about(ways):
    with pytest.raises(UserError, match=r"upper and lower case alone: .*label_case: merge.*label_case: keep"):
        spell([ways], None, "here")
    assert len(set(spell([ways], "keep", "here").parts[0])) == len(ways)
    most = spell([[*ways, ways[-1]]], "merge", "here")
    assert set(most.parts[0]) == {str(ways[-1])}
    assert most.merged_rows == len(ways) - 1


def test_the_order_of_classes_does_not_hang_on_the_hash_seed():
    code = "from nofreelunch.tasks.classes import in_order; print(in_order({'1', '01', '001', '2', '02', '+1'}))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": str(seed)}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in range(4)
    }  # fmt: skip
    assert said == {"['+1', '001', '01', '1', '02', '2']\n"}


@given(st.text())
def test_tidying_twice_changes_nothing(text):
    assert tidy(tidy(text)) == tidy(text)


@pytest.mark.parametrize(
    ("pool", "test"),
    [(["pos", "neg"], ["1", "0"]), ([0, 1], [-1, -1]), (["0", "1"], ["-1"]), ([True, False], [1, 0])],
)
def test_test_rows_without_a_label_of_the_pool_are_refused(pool, test):
    with pytest.raises(
        UserError, match=r"no label of the test rows occurs in the pool\. The pool has '.*; the test|hidden"
    ):
        assemble(SPEC, "t", rows(pool * 5), rows(test * 5, "u"), {})


def test_numbers_in_two_spellings_are_the_same_classes():
    task = assemble(SPEC, "t", rows(["0.0", "1.0"] * 5), rows(["0", "1"], "u"), {})
    assert (task.class_names, task.test.label.tolist()) == (("0", "1"), [0, 1])


def test_minus_one_of_a_test_file_is_hidden_unless_the_pool_has_it():
    partly = rows(["0", "-1", "1"], "u")
    with pytest.raises(UserError, match="row 1 has no label"):
        assemble(SPEC, "t", rows(["0", "1"] * 5), partly, {})
    task = assemble(SPEC.model_copy(update={"drop_incomplete": True}), "t", rows(["0", "1"] * 5), partly, {})
    assert len(task.test) == 2
    assert assemble(SPEC, "t", rows(["0", "1", "-1"] * 5), partly, {}).class_names == ("-1", "0", "1")


def test_many_classes_of_one_row_are_taken_where_the_test_rows_repeat_them():
    one_shot = [f"intent {i}" for i in range(30)]
    check_not_ids(one_shot, one_shot[:12], "here")
    assert len(assemble(SPEC, "t", rows(one_shot), rows(one_shot[:12], "u"), {}).class_names) == 30
    with pytest.raises(UserError, match=r"30 rows have 30 different labels.*'many_classes: true'"):
        assemble(SPEC, "t", rows(one_shot), None, {})
    mixed = [*one_shot, *one_shot[:15]]
    spec = SPEC.model_copy(update={"many_classes": True})
    assert len(assemble(spec, "t", rows(mixed), None, {}).class_names) == 30


def test_one_name_for_two_classes_is_refused():
    with pytest.raises(UserError, match="the classes 0, 2 are all called 'same'"):
        assemble(SPEC, "t", rows([0, 1, 2]), rows([0], "u"), {}, {0: "same", 1: "other", 2: "same"})


def test_a_test_split_that_is_the_pool_is_refused_unless_said_otherwise():
    hub = {"source": "hub", "hub": "me/tiny"}
    pool = rows([0, 1] * 20)
    with pytest.raises(UserError, match=r"40 of 40 test rows are pool rows. .*deduplicate"):
        assemble(HubTask(**hub), "t", pool, pool, {})
    assert assemble(HubTask(**hub, deduplicate=False), "t", pool, pool, {}).card["train_test_overlap"] == 40
    held_out = assemble(HubTask(**hub, test_split="train"), "t", pool, None, {})
    assert (len(held_out.train), len(held_out.test), held_out.card["train_test_overlap"]) == (30, 10, 0)
