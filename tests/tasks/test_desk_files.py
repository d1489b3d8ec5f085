"""Files as they lie on a desk: delimiters, encodings, workbooks, and what a row of them is called afterwards."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.tasks.account import in_words
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.columns import Reading, read_columns, read_table
from nofreelunch.tasks.counts import counts
from nofreelunch.tasks.spec import FilesTask

WORDS = ["grün", "blau", "rot", "gelb"]
TABLE = [(f"{WORDS[i % 4]} Nummer {i}", "hell" if i % 2 else "dunkel") for i in range(40)]


def task_of(path, **options):
    return build_task(FilesTask(**{"source": "files", "train_file": str(path)} | options), "own")


def text_of(table, delimiter=",", header=("text", "label"), **options):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, **options).writerows([header, *table])
    return buffer.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "txt"])
def test_the_delimiter_is_the_one_under_which_the_header_has_the_columns(tmp_path, delimiter, kind):
    path = tmp_path / f"own.{kind}"
    path.write_text(text_of([(1, *row) for row in TABLE], delimiter, ("n,r", "text", "label")))
    columns = read_columns(path, ["text", "label"])
    assert list(zip(columns["text"], columns["label"], strict=True)) == TABLE
    said = read_columns(path, ["text"], Reading(delimiter=delimiter))
    assert said["text"] == columns["text"]


def test_a_delimiter_of_ones_own_and_the_first_line_of_excel(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text_of(TABLE, "~"))
    assert read_columns(path, ["text"], Reading(delimiter="~"))["text"] == [text for text, _ in TABLE]
    path.write_text("sep=~\n" + text_of(TABLE, "~"))
    found = read_table(path, ["text"])
    assert (found.columns["text"][0], found.lines[0]) == (TABLE[0][0], 3)
    with pytest.raises(ValueError, match="must be one character"):
        FilesTask(source="files", train_file="a.csv", delimiter=";;")
    assert FilesTask(source="files", train_file="a.csv", delimiter="tab").reading.delimiter == "\t"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding, kind):
    path = tmp_path / f"own.{kind}"
    lines = (json.dumps(dict(zip(("text", "label"), row, strict=True)), ensure_ascii=False) for row in TABLE)
    path.write_bytes((text_of(TABLE, ";") if kind == "csv" else "\n".join(lines)).encode(encoding))
    assert read_columns(path, ["text"])["text"] == [text for text, _ in TABLE]


def test_another_encoding_is_named_with_the_line_and_how_it_would_read(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(text_of([("plain", "a"), ("schön – größer", "b"), ("c", "c")]).encode("cp1252"))
    with pytest.raises(UserError, match=r"'encoding: cp1252'.* line 3 reads 'schön – größer,b'"):
        task_of(path)
    assert read_columns(path, ["text"], Reading("cp1252"))["text"][1] == "schön – größer"
    path.write_bytes(text_of(TABLE).encode("utf-16-le"))
    with pytest.raises(UserError, match="'encoding: utf-16-le'"):
        task_of(path)
    assert len(task_of(path, encoding="utf-16-le").train) == 30
    path.write_bytes(text_of(TABLE).encode("utf-16-be"))
    with pytest.raises(UserError, match="'encoding: utf-16-be'"):
        task_of(path)
    for wrong in ("cp1525", "base64", "rot13"):
        with pytest.raises(ValueError, match="unknown encoding"):
            FilesTask(source="files", train_file="a.csv", encoding=wrong)


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_characters="\t\r\n", exclude_categories=["Cs"])), st.sampled_from("ab"))
    )
)
def test_every_line_of_a_tsv_with_quote_marks_is_a_row(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("tsv") / "own.tsv"
    # One text that no CSV writer would write so: marks are part of the texts in the whole file.
    table = [('he said "so', "a"), ('"Well" it began', "b"), *table]
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in table), encoding="utf-8")
    columns = read_columns(path, ["text", "label"])
    assert list(zip(columns["text"], columns["label"], strict=True)) == table


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from("ab")), max_size=5))
def test_a_tsv_that_a_csv_writer_wrote_is_read_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("tsv") / "own.tsv"
    path.write_bytes(text_of(table, "\t").encode())
    columns = read_columns(path, ["text", "label"])
    assert list(zip(columns["text"], columns["label"], strict=True)) == table


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_row_keeps_its_source(tmp_path, kind, parquet):
    rows = [
        (f"{text}\nZeile zwei" if kind == "csv" and i % 3 == 0 else text, y, 100 + i)
        for i, (text, y) in enumerate(TABLE)
    ]
    path = tmp_path / f"own.{kind}"
    header = ("text", "label", "key")
    if kind == "jsonl":
        path.write_text("\n\n" + "\n".join(json.dumps(dict(zip(header, row, strict=True))) for row in rows))
    elif kind == "parquet":
        path.write_bytes(parquet({name: [row[i] for row in rows] for i, name in enumerate(header)}))
    else:
        path.write_text(text_of(rows, "\t" if kind == "tsv" else ";", header, lineterminator="\n"))
    task = task_of(path, id="key", train=20)
    lines = path.read_text().splitlines() if kind != "parquet" else None
    for split in (task.train, task.test):
        for i, text in enumerate(split.text):
            source = split.origin["source_row"][i]
            assert (text, split.origin["id"][i]) == (rows[source][0], str(100 + source))
            if lines is None:
                assert "source_line" not in split.origin
            else:
                first = json.dumps(text.splitlines()[0]).strip('"') if kind == "jsonl" else text.splitlines()[0]
                assert first in lines[split.origin["source_line"][i] - 1]


def test_errors_name_the_line_of_the_file(tmp_path):
    rows = [*TABLE[:20], ("zwei\nZeilen", "hell"), ("ohne", ""), *TABLE[20:]]
    path = tmp_path / "own.csv"
    path.write_text(text_of(rows, lineterminator="\n"))
    with pytest.raises(UserError, match=r"own\.csv: line 24 has no label"):
        task_of(path)
    path.write_text(text_of([*rows[:3], ("a", "b", "c")]))
    with pytest.raises(UserError, match="line 5: 3 cells, but the header has 2"):
        task_of(path)


def test_the_header_in_the_middle_is_refused_and_trailing_separators_are_not(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text_of([*TABLE[:9], ("text ", " label"), *TABLE[9:]], ";"))
    with pytest.raises(UserError, match="line 11: the header again"):
        task_of(path)
    path.write_text("text;label\n" + "".join(f"{text};{label};;\n" for text, label in TABLE))
    assert read_columns(path, ["label"])["label"] == [label for _, label in TABLE]


def test_keys_that_json_lines_lack_are_missing_values(tmp_path):
    path = tmp_path / "own.jsonl"
    rows = [{"text": text, "label": label} for text, label in TABLE]
    path.write_text("\n".join(map(json.dumps, [{"text": "ohne"}, *rows, {"text": "leer", "label": []}])))
    with pytest.raises(UserError, match=r"line 1 has no label \(2 of 42 .*drop_incomplete: true"):
        task_of(path)
    task = task_of(path, drop_incomplete=True)
    assert counts(task.card)["incomplete"] == 2
    path.write_text("\n".join(map(json.dumps, [*rows, {"text": "Liste", "label": ["hell"]}])))
    with pytest.raises(UserError, match=r"label \['hell'\] is no class. Lists are not read"):
        task_of(path)
    path.write_text('{"text": "a", "lable": 1}')
    with pytest.raises(UserError, match=r"unknown key 'label'. Did you mean 'lable'"):
        task_of(path)


def test_a_workbook_reads_as_its_csv_export(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Nr", "text", "label"])
    for i, (text, label) in enumerate(TABLE):
        sheet.append([i, text, label])
    sheet.append([None, 2024, "hell"])
    sheet.append([None, None, None])
    path = tmp_path / "own.xlsx"
    book.save(path)
    found = read_table(path, ["text", "label"])
    assert found.columns["text"] == [*(text for text, _ in TABLE), "2024"]
    assert found.lines == list(range(2, 43))
    assert len(task_of(path, id="Nr").train) == 31
    book.create_sheet("zweites").append(["text", "label"])
    book.save(path)
    with pytest.raises(UserError, match=r"has the sheets Sheet, zweites. Name one: 'sheet: Sheet'"):
        task_of(path)
    assert len(task_of(path, sheet="Sheet").train) == 31
    path.write_bytes(b"PK no workbook")
    with pytest.raises(UserError, match="no readable workbook"):
        task_of(path)


def test_without_openpyxl_a_workbook_is_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "own.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"requirements-excel.txt', or save the sheet as 'CSV UTF-8'"):
        task_of(tmp_path / "own.xlsx")


odd = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "d", "", " "]), st.sampled_from(["x", "y", "x ", ""])),
    min_size=20,
    max_size=60,
)


@given(odd, st.booleans(), st.sampled_from([2, 5, None]))
def test_every_row_that_is_read_is_accounted_for(tmp_path_factory, table, deduplicate, limit):
    path = tmp_path_factory.mktemp("own") / "own.csv"
    path.write_text(text_of([*table, *(("safe" + str(i), "xy"[i % 2]) for i in range(12))]))
    task = task_of(path, drop_incomplete=True, deduplicate=deduplicate, train=limit, test=limit)
    found = counts(task.card)
    left_out = sum(found[name] for name in ("incomplete", "duplicates", "also_in_test", "over_cap"))
    assert found["read"] == len(table) + 12 == left_out + len(task.train) + len(task.test)
    assert f"{found['read']} rows read" in "\n".join(in_words(task, "own"))


def test_what_is_odd_is_said_with_numbers(tmp_path):
    path = tmp_path / "own.csv"
    rows = [*TABLE, (TABLE[0][0], "hell"), TABLE[1], ("  ", "hell"), ("a", "🦊"), ("b", "🦊"), ("c", "hell ")]
    path.write_text(text_of(rows))
    task = task_of(path, drop_incomplete=True)
    assert counts(task.card) == {
        "read": 46, "incomplete": 1, "duplicates": 2, "also_in_test": 0, "over_cap": 0, "texts_in_two_classes": 1,
        "label_rows_merged": 1, "small_classes": 1, "classes_only_in_test": 0, "classes_only_in_train": 0,
    }  # fmt: skip
    words = "\n".join(in_words(task, "own"))
    for said in (
        "46 rows read; left out: 1 without text or label, 2 with a text that came before",
        "1 text has more than one label; the first row of each is kept",
        "read as one class 'hell': 'hell' (22), 'hell ' (1)",
        "classes with fewer than 10 rows: 🦊 (2)",
    ):
        assert said in words
    # One of its two rows is a test row.
    fox = task.class_names.index("🦊")
    assert (np.sum(task.train.label == fox), np.sum(task.test.label == fox)) == (1, 1)


def test_texts_of_two_annotators_name_the_cause(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text_of([(f"t{i}", label) for label in ("ja", "nein") for i in range(9)]))
    with pytest.raises(UserError, match=r"9 texts have more than one label, of which the first is kept.*all 'ja'"):
        task_of(path)


def test_a_test_file_that_is_the_pool_is_refused_by_its_cause(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text_of(TABLE))
    with pytest.raises(UserError, match="the pool is empty: all its 40 texts are test rows"):
        task_of(path, test_file=str(path))
    assert len(task_of(path, test_file=str(path), deduplicate=False).train) == 40
