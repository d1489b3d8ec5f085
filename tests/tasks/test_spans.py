import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.tasks.spans import Span, csv_field, csv_records, csv_value, json_member, replaced

CELL = st.text(st.sampled_from('ab;,"\t\n\r é😀'), max_size=6)
TABLE = st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=5)


def values(text, delimiter, quote='"'):
    return [[csv_value(text, span, quote) for span in record] for record in csv_records(text, delimiter, quote)]


@given(TABLE, st.sampled_from(",;\t"), st.sampled_from(["\r\n", "\n", "\r"]), st.sampled_from([0, 1]), st.booleans())
def test_fields_are_those_of_the_standard_library(table, delimiter, end, quoting, cut):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(table)
    text = file.getvalue().removesuffix(end) if cut else file.getvalue()
    expected = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert values(text, delimiter) == expected


@given(TABLE.filter(bool), st.sampled_from(",;\t"), st.data())
def test_one_field_is_replaced_and_no_other_character(table, delimiter, data):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    text = file.getvalue()
    records = csv_records(text, delimiter)
    row = data.draw(st.integers(0, len(records) - 1))
    column = data.draw(st.integers(0, len(records[row]) - 1))
    answer = data.draw(CELL)
    span = records[row][column]
    changed = replaced(text, {span: csv_field(answer, delimiter, quoted=True)})
    table[row][column] = answer
    assert values(changed, delimiter) == table
    assert changed.startswith(text[: span.start])
    assert changed.endswith(text[span.end :])


def test_golden_spans():
    text = 'id;text\r\n1;"a ""b""; c"\r\n\r\n2;x'
    assert csv_records(text, ";") == [
        [Span(0, 2), Span(3, 7)],
        [Span(9, 10), Span(11, 23)],
        [],
        [Span(27, 28), Span(29, 30)],
    ]
    assert values(text, ";")[1] == ["1", 'a "b"; c']


def test_without_quotes_a_quote_is_a_character_like_any_other():
    assert values('a\t"b\nc\t"d"\n', "\t", None) == [["a", '"b'], ["c", '"d"']]
    with pytest.raises(UserError, match="knows no quotes"):
        csv_field("a\tb", "\t", None)


def test_a_quote_that_is_never_closed_names_its_line():
    with pytest.raises(UserError, match="opens in line 2"):
        csv_records('a,b\n1,"c\n2,d\n', ",")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["label", "text", "x"]), JSON), st.sampled_from([None, 1]), JSON)
def test_a_member_is_found_and_replaced(row, indent, answer):
    text = json.dumps(row, indent=indent)
    span, closing = json_member(text, 0, "label")
    assert text[closing] == "}"
    assert (span is None) == ("label" not in row)
    if span is not None:
        assert json.loads(text[span.start : span.end]) == row["label"]
        assert json.loads(replaced(text, {span: json.dumps(answer)})) == row | {"label": answer}


@pytest.mark.parametrize("text", ["[1]", '{"a" 1}', '{"a": 1 "b": 2}', '{"a": }', "", '{"a": 1'])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        json_member(text, 0, "a")
