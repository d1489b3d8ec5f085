import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.tasks.assemble import RawRows, assemble
from nofreelunch.tasks.spec import HubTask

SPEC = HubTask(source="hub", hub="me/tiny")


def rows(labels, texts=None):
    return RawRows(texts or [f"t{i}" for i in range(len(labels))], None, list(labels))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([1, 0, 1], ("0", "1")),
        ([5, 10, 5], ("5", "10")),
        ([1.0, 0.0], ("0", "1")),
        (["b", "a"], ("a", "b")),
        (["10", "9"], ("9", "10")),
        ([True, False], ("False", "True")),
    ],
)
def test_classes_are_numbered_in_the_order_of_their_values(labels, names):
    task = assemble(SPEC, "t", rows(labels), rows(labels[:1]), {})
    assert task.class_names == names
    assert [task.class_names[i] for i in task.train.label] == [
        str(int(x)) if isinstance(x, float) else str(x) for x in labels
    ]


def test_a_class_of_the_test_rows_alone_has_a_number_too():
    assert assemble(SPEC, "t", rows(["a", "c"]), rows(["b", "a"]), {}).test.label.tolist() == [1, 0]


def test_stated_class_names_keep_their_numbers_and_others_are_refused():
    task = assemble(SPEC, "t", rows([2, 0]), rows([2]), {}, {0: "zero", 1: "one", 2: "two"})
    assert (task.class_names, task.train.label.tolist()) == (("zero", "one", "two"), [2, 0])
    with pytest.raises(UserError, match="test split: the label 3 is none of the 3 classes"):
        assemble(SPEC, "t", rows([2, 0]), rows([3]), {}, {0: "zero", 1: "one", 2: "two"})


@given(
    st.lists(
        st.tuples(st.sampled_from(["x", "y", "", "  ", None, float("nan")]), st.sampled_from([0, 1, -1, None])),
        min_size=1,
    )
)
def test_exactly_the_incomplete_rows_are_left_out(table):
    spec = SPEC.model_copy(update={"drop_incomplete": True})
    texts, labels = [text for text, _ in table], [label for _, label in table]
    complete = [(t, y) for t, y in table if isinstance(t, str) and t.strip() and y in (0, 1)]
    if all(label not in (0, 1) for label in labels):
        with pytest.raises(UserError, match="missing or hidden"):
            assemble(spec, "t", rows(labels, texts), rows([0, 1]), {}, hidden=-1)
        return
    task = assemble(spec, "t", rows(labels, texts), rows([0, 1]), {}, hidden=-1)
    assert list(zip(task.train.text, task.train.label.tolist(), strict=True)) == complete
    assert task.card["incomplete_rows_dropped"]["train"] == len(table) - len(complete)
    if len(complete) < len(table):
        with pytest.raises(UserError, match="incomplete"):
            assemble(SPEC, "t", rows(labels, texts), rows([0, 1]), {}, hidden=-1)
