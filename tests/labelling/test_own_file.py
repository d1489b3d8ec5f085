"""Answers come into a file and no other byte of it changes."""

import csv
import io
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.labelling import own_file
from nofreelunch.labelling.own_file import read_own, write_answers
from nofreelunch.tasks.columns import Reading

TEXTS = ["grün; blau", 'ein "Zitat"', "zwei\r\nZeilen", "plain", "naïve, café"]
CELL = st.text(st.sampled_from('ab;,"\t\n é€'), min_size=1, max_size=6).filter(str.strip)


def table_of(path, rows, delimiter=",", encoding="utf-8", end="\r\n", quoting=0, header=("id", "text", "label", "z")):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([header, *rows])
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


def rows_of(path, delimiter, encoding):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline=""), delimiter=delimiter))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_one_answer_changes_one_field(tmp_path, encoding, delimiter, end, quoting):
    rows = [[i, text, "old" if i == 3 else "", ""] for i, text in enumerate(TEXTS)]
    path = table_of(tmp_path / "my.csv", rows, delimiter, encoding, end, quoting)
    reading = Reading(None if encoding in ("utf-8-sig", "utf-16") else encoding)
    table = read_own(path, "text", "label", reading)
    assert table.texts == TEXTS
    assert table.labels == ["", "", "", "old", ""]
    before = rows_of(path, delimiter, encoding)
    write_answers(table, {1: "neu", 4: f"a{delimiter}b"})
    before[2][2], before[5][2] = "neu", f"a{delimiter}b"
    assert rows_of(path, delimiter, encoding) == before
    quote = '"' if quoting else ""
    changed = path.read_bytes().decode(encoding)
    undone = changed.replace(f"{quote}neu{quote}", quote * 2).replace(f'"a{delimiter}b"', quote * 2)
    table_of(path, rows, delimiter, encoding, end, quoting)
    assert undone == path.read_bytes().decode(encoding)


@given(st.lists(st.tuples(CELL, CELL, st.sampled_from(["", "x", "y z"])), min_size=1, max_size=5), st.data())
def test_any_table_keeps_every_other_cell(tmp_path_factory, rows, data):
    path = table_of(tmp_path_factory.mktemp("any") / "my.csv", [[a, b, label, ""] for a, b, label in rows], ";")
    table = read_own(path, "text", "label", Reading(delimiter=";"))
    row, answer = data.draw(st.integers(0, len(rows) - 1)), data.draw(CELL)
    before = rows_of(path, ";", "utf-8")
    write_answers(table, {row: answer})
    before[row + 1][2] = answer
    assert rows_of(path, ";", "utf-8") == before


def test_a_first_line_of_excel_blank_lines_and_text_with_loose_quotes(tmp_path):
    path = tmp_path / "my.csv"
    path.write_bytes(b"sep=;\r\ntext;label\r\n\r\none;\r\n\r\ntwo;")
    table = read_own(path, "text", "label", Reading())
    assert table.places == ["line 4", "line 6"]
    write_answers(table, {1: "b", 0: "a"})
    assert path.read_bytes() == b"sep=;\r\ntext;label\r\n\r\none;a\r\n\r\ntwo;b"
    tsv = tmp_path / "my.tsv"
    tsv.write_bytes(b'text\tlabel\nsay "hi\t\n5" disk\tx\n')
    table = read_own(tsv, "text", "label", Reading())
    write_answers(table, {0: "y"})
    assert tsv.read_bytes() == b'text\tlabel\nsay "hi\ty\n5" disk\tx\n'


def test_json_lines_keep_their_spaces_order_and_escapes(tmp_path):
    path = tmp_path / "my.jsonl"
    path.write_bytes(
        b'{"id":1 ,  "text": "gr\\u00fcn", "label": null}\r\n\r\n{"text":"b","label":""}\n'
        b'{"text": "c"}\n{"label":"x","text":"d"}'
    )
    table = read_own(path, "text", "label", Reading())
    assert table.texts == ["grün", "b", "c", "d"]
    assert table.labels == ["", "", "", "x"]
    write_answers(table, {0: "é", 1: "b", 2: 'say "c"'})
    assert path.read_bytes().decode() == (
        '{"id":1 ,  "text": "gr\\u00fcn", "label": "é"}\r\n\r\n{"text":"b","label":"b"}\n'
        '{"text": "c", "label": "say \\"c\\""}\n{"label":"x","text":"d"}'
    )


def test_json_lines_of_numbers_get_numbers_and_need_no_label_yet(tmp_path):
    path = tmp_path / "my.jsonl"
    path.write_text('{"text": "a", "label": 1}\n{"text": "b"}\n')
    write_answers(read_own(path, "text", "label", Reading()), {1: "0"})
    assert path.read_text() == '{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n'
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    write_answers(read_own(path, "text", "label", Reading()), {1: "0"})
    assert path.read_text() == '{"text": "a"}\n{"text": "b", "label": "0"}\n'


@pytest.mark.parametrize(
    ("values", "answer", "expected"),
    [
        (["x", None, None], "y", ["x", "y", None]),
        ([3, None, None], "4", [3, 4, None]),
        ([None, None, None], "y", [None, "y", None]),
    ],
)
def test_parquet_keeps_its_other_columns_and_its_metadata(tmp_path, values, answer, expected):
    path = tmp_path / "my.parquet"
    table = pa.table({"text": ["a", "b", "c"], "label": values, "n": pa.array([1, 2, 3], pa.int8())})
    pq.write_table(table.replace_schema_metadata({"who": "me"}), path, compression="gzip")
    write_answers(read_own(path, "text", "label", Reading()), {1: answer})
    after = pq.read_table(path)
    assert after["label"].to_pylist() == expected
    assert after.drop_columns("label").equals(table.drop_columns("label"))
    assert after.schema.metadata == {b"who": b"me"}
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "GZIP"


def test_parquet_of_numbers_refuses_a_name(tmp_path):
    path = tmp_path / "my.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "label": [1, None]}), path)
    content = path.read_bytes()
    with pytest.raises(UserError, match="holds int64, which cannot hold an answer"):
        write_answers(read_own(path, "text", "label", Reading()), {1: "spam"})
    assert path.read_bytes() == content


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path):
    path = table_of(tmp_path / "real.csv", [[0, "a", "", ""]])
    path.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    write_answers(read_own(link, "text", "label", Reading()), {0: "x"})
    assert link.is_symlink()
    assert b"x" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path, monkeypatch):
    path = table_of(tmp_path / "my.csv", [[0, "a", "", ""], [1, "b", "", ""]])
    table = read_own(path, "text", "label", Reading())
    changed = path.read_bytes().replace(b",b,", b",typed,")
    path.write_bytes(changed)
    with pytest.raises(UserError, match="changed by another program"):
        write_answers(table, {0: "x"})
    assert path.read_bytes() == changed

    table = read_own(path, "text", "label", Reading())
    mode = own_file.shutil.copymode

    def meanwhile(*paths):
        mode(*paths)
        path.write_bytes(changed + b"2,c,,\r\n")

    monkeypatch.setattr(own_file.shutil, "copymode", meanwhile)
    with pytest.raises(UserError, match="changed by another program"):
        write_answers(table, {0: "x"})
    assert path.read_bytes() == changed + b"2,c,,\r\n"
    assert [name.name for name in tmp_path.iterdir()] == ["my.csv"]


@pytest.mark.parametrize("lock", [".~lock.my.csv#", "~$my.csv"])
def test_a_file_that_is_open_elsewhere_is_left_alone(tmp_path, lock):
    path = table_of(tmp_path / "my.csv", [[0, "a", "", ""]])
    (tmp_path / lock).touch()
    with pytest.raises(UserError, match="is open in"):
        write_answers(read_own(path, "text", "label", Reading()), {0: "x"})


def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch):
    path = table_of(tmp_path / "my.csv", [[0, "a", "", ""]])
    old = path.read_bytes()
    table = read_own(path, "text", "label", Reading())
    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:

            def killed(*_, **__):
                raise KeyboardInterrupt

            if step == "fsync":
                patch.setattr(os, step, killed)
            else:
                patch.setattr("pathlib.Path.replace", killed)
            with pytest.raises(KeyboardInterrupt):
                write_answers(table, {0: "x"})
        assert path.read_bytes() == old


@pytest.mark.parametrize(
    ("content", "encoding", "answer", "message"),
    [
        (b"text,label\na,\n", "cp1252", "東京", "cannot hold '東京'"),
        ("text,label\nä,\n".encode("utf-7"), "utf-7", "x", None),
    ],
)
def test_an_encoding_that_lacks_a_character(tmp_path, content, encoding, answer, message):
    path = tmp_path / "my.csv"
    path.write_bytes(content)
    table = read_own(path, "text", "label", Reading(encoding))
    if message is None:
        write_answers(table, {0: answer})
        assert path.read_bytes() == content.replace(b",\n", b",x\n")[: len(content)] + b"\n"
        return
    with pytest.raises(UserError, match=message):
        write_answers(table, {0: answer})
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.csv", None, "does not exist"),
        ("my.csv", b"text\na\n", "add an empty column 'label'"),
        ("my.csv", b"text,label\nf\xfcr,\n", "On this command line: --encoding NAME"),
        ("my.xls", b"", "xlsx"),
        ("my.jsonl", b'{"text": 3}\n', "line 1: 3 in column 'text' is not a text"),
        ("my.jsonl", b'{"text": "a", "label": ["x"]}\n', "is no label"),
        ("my.json", b'{"a": 1}', "no list of Label Studio's tasks"),
        ("my.json", b'[{"data": {"body": "a"}}]', "task 1: its data has no text 'text', but body"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as said:
        read_own(path, "text", "label", Reading())
    assert message in str(said.value)


def test_tasks_of_label_studio_come_in_with_skips_and_disagreements(tmp_path):
    def answer(choice, **more):
        return {"result": [{"type": "choices", "value": {"choices": [choice]}}]} | more

    tasks = [
        {"id": 9, "data": {"text": "a", "row": 3}, "annotations": [answer("x"), answer("x")]},
        {"data": {"text": "b"}, "annotations": [{"was_cancelled": True, "result": []}]},
        {"data": {"text": "c"}, "annotations": [answer("x"), answer("y")]},
        {"data": {"text": "d"}, "predictions": [answer("x")]},
        {"data": {"text": "e"}, "annotations": [answer("x", was_cancelled=True), answer("y")]},
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    table = read_own(path, "text", "label", Reading())
    assert table.labels == ["x", "?", "", "", "y"]
    with pytest.raises(UserError, match=r"cannot be put into a \.json file"):
        write_answers(table, {3: "x"})
