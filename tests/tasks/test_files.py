import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.columns import read_columns
from nofreelunch.tasks.files import build_files_task
from nofreelunch.tasks.spec import FilesTask


def spec(path, **changes):
    return FilesTask(**{"source": "files", "train_file": str(path)} | changes)


def rows(count, classes=("ja", "nein", "später")):
    return [(f'Zeile {i}, mit "Komma"\nund Umbruch 🦊', classes[i % len(classes)]) for i in range(count)]


def write_csv(path, table, header=("text", "label"), **options):
    encoding = options.pop("encoding", "utf-8")
    with path.open("w", encoding=encoding, newline="") as handle:
        csv.writer(handle, **options).writerows([header, *table])
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_with_header_quotes_line_breaks_and_umlauts(tmp_path, encoding):
    path = write_csv(tmp_path / "own.csv", rows(30), encoding=encoding)
    task = build_files_task(spec(path, test_share=0.2), "own")
    assert task.class_names == ("ja", "nein", "später")
    assert (len(task.train), len(task.test)) == (24, 6)
    assert sorted([*task.train.text, *task.test.text]) == sorted(text for text, _ in rows(30))
    assert all(
        task.class_names[label] == dict(rows(30))[text]
        for text, label in zip(task.train.text, task.train.label, strict=True)
    )
    assert list(task.card["files"]) == [path.as_posix()]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_file_gives_the_same_task(tmp_path, kind, parquet):
    table = [(f"frage {i}", f"antwort {i}", str(i % 2)) for i in range(12)]
    header = ("q", "a", "y")
    path = tmp_path / f"own.{kind}"
    if kind == "jsonl":
        path.write_text(
            "\n".join(json.dumps(dict(zip(header, row, strict=True)) | {"y": int(row[2])}) for row in table) + "\n\n"
        )
    elif kind == "parquet":
        columns = {name: [row[i] for row in table] for i, name in enumerate(header)}
        path.write_bytes(parquet(columns | {"y": [float(y) for y in columns["y"]]}))
    else:
        write_csv(path, table, header, delimiter="\t" if kind == "tsv" else ",")
    task = build_files_task(spec(path, text="q", text_pair="a", label="y"), "own")
    reference = build_files_task(
        spec(write_csv(tmp_path / "reference.csv", table, header), text="q", text_pair="a", label="y"), "own"
    )
    assert task.train.digest() == reference.train.digest()
    assert task.test.digest() == reference.test.digest()
    assert task.class_names == ("0", "1")


def test_numbered_classes_are_ordered_as_numbers_and_minus_one_is_a_class(tmp_path):
    table = [(f"t{i}", str(label)) for i, label in enumerate([10, 2, -1] * 4)]
    task = build_files_task(spec(write_csv(tmp_path / "own.csv", table)), "own")
    assert task.class_names == ("-1", "2", "10")


def test_a_test_file_is_taken_as_it_is(tmp_path):
    train, test = (
        write_csv(tmp_path / "a.csv", rows(9)),
        write_csv(tmp_path / "b.csv", [("neu", "ja"), ("alt", "nein")]),
    )
    task = build_files_task(spec(train, test_file=str(test)), "own")
    assert task.test.text == ["neu", "alt"]
    assert len(task.train) == 9


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.sampled_from("abc"), min_size=6, max_size=40),
    repeats=st.integers(1, 4),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 3),
)
def test_the_split_is_stratified_seeded_and_leaks_no_text(tmp_path_factory, labels, repeats, share, seed):
    table = [(f"t{i // repeats}", labels[i // repeats * repeats]) for i in range(len(labels))]
    if len({label for _, label in table}) < 2 or len({text for text, _ in table}) < 4:
        return
    path = write_csv(tmp_path_factory.mktemp("split") / "own.csv", table)
    options = {"test_share": share, "seed": seed, "deduplicate": False, "drop_incomplete": False}
    task = build_files_task(spec(path, **options), "own")
    assert not set(task.train.text) & set(task.test.text)
    assert len(task.train) + len(task.test) == len(table)
    for name in task.class_names:
        distinct = {text for text, label in table if label == name}
        drawn = {text for text in task.test.text if text in distinct}
        assert len(drawn) == min(max(1, round(share * len(distinct))), len(distinct) - 1)
    again = build_files_task(spec(path, **options), "own")
    assert again.train.digest() == task.train.digest()


def test_equal_texts_are_removed_by_default_and_counted(tmp_path):
    train = write_csv(tmp_path / "a.csv", [*rows(6), rows(6)[0], ("im Test", "ja")])
    test = write_csv(tmp_path / "b.csv", [("im Test", "ja"), ("auch", "nein"), ("auch", "nein")])
    task = build_files_task(spec(train, test_file=str(test)), "own")
    assert task.card["duplicates_removed"] == {"train": 1, "test": 1, "train_also_in_test": 1}
    kept = build_files_task(spec(train, test_file=str(test), deduplicate=False), "own")
    assert (len(kept.train), len(kept.test), kept.card["train_test_overlap"]) == (8, 3, 1)


def test_caps_keep_every_class_and_its_share(tmp_path):
    table = [(f"t{i}", "rare" if i % 10 == 0 else "common") for i in range(400)]
    task = build_files_task(spec(write_csv(tmp_path / "own.csv", table), train=50, test=20), "own")
    assert [task.train.label.tolist().count(i) for i in (0, 1)] == [45, 5]
    assert [task.test.label.tolist().count(i) for i in (0, 1)] == [18, 2]
    assert task.card["rows_before_cap"] == {"train": 300, "test": 100}


CSV_FAULTS = {
    "absent": (None, {}, r"own\.csv does not exist"),
    "empty": ("", {}, "is empty. It needs a header"),
    "wrong column": ("txt,label\na,1\n", {}, "unknown column 'text'. Did you mean 'txt'.*label, txt"),
    "no delimiter": ("text~label\na~1\n", {}, "unknown column 'text'.*text~label"),
    "column twice": ("text,text,label\na,b,1\n", {}, "2 columns named 'text'"),
    "ragged": ("text,label\na,1\nb, c,2\n", {}, r"line 3: 3 cells, but the header has 2 columns"),
    "open quote": ('text,label\n"a,1\nb,2\n', {}, r"line \d: unexpected end of data"),
    "no text": ("text,label\na,1\n  ,2\n", {}, r"own\.csv: line 3 has no text \(1 of"),
    "no label": ("text,label\na,1\nb,\nc,2\n", {}, r"has no label"),
    "one class": ("text,label\na,1\nb,1\nc,1\n", {}, "every train row has the class '1'"),
    "labels are ids": ("text,label\n" + "".join(f"a{i},{i}\n" for i in range(60)), {}, "60 different labels. Is this"),
    "fractions": ("text,label\na,0.5\nb,0.25\n", {}, None),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_a_faulty_csv_is_explained(tmp_path, fault):
    content, options, message = CSV_FAULTS[fault]
    path = tmp_path / "own.csv"
    if content is not None:
        path.write_text(content)
    if message is None:
        assert build_files_task(spec(path, **options), "own").class_names == ("0.25", "0.5")
        return
    with pytest.raises(UserError, match=message):
        build_task(spec(path, **options), "own")


def test_a_file_in_another_encoding_is_explained(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes("text,label\nschön,1\nübel,2\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"own\.csv is not UTF-8 \(byte \d+"):
        build_files_task(spec(path), "own")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', "line 2: no JSON"),
        ("[1]", "line 2: not an object"),
        ('{"txt": "a", "label": 1}', r"own\.jsonl: line 2 has no text \(1 of 3 rows .* 'drop_incomplete: true'"),
        ('{"text": NaN, "label": 1}', r"has no text"),
        ('{"text": 5, "label": 1}', r"'text' is 5, not a text"),
        ('{"text": "a", "label": null}', "has no label"),
        ('{"text": "a", "label": 0.5}', "label 0.5 is no class"),
        ('{"text": "a", "label": [1]}', r"label \[1\] is no class"),
    ],
)
def test_a_faulty_json_line_is_explained(tmp_path, line, message):
    path = tmp_path / "own.jsonl"
    path.write_text(f'{{"text": "b", "label": 1}}\n{line}\n{{"text": "c", "label": 0}}\n')
    with pytest.raises(UserError, match=message):
        build_files_task(spec(path), "own")


def test_incomplete_rows_can_be_left_out(tmp_path):
    path = write_csv(tmp_path / "own.csv", [*rows(12), ("", "ja"), ("ohne", ""), (" ", " ")])
    task = build_files_task(spec(path, drop_incomplete=True), "own")
    assert len(task.train) + len(task.test) == 12
    assert sum(task.card["incomplete_rows_dropped"].values()) == 3


def test_a_damaged_parquet_and_an_unknown_kind_are_explained(tmp_path):
    (tmp_path / "own.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match="no readable parquet file"):
        build_files_task(spec(tmp_path / "own.parquet"), "own")
    with pytest.raises(UserError, match=r"kind of file '\.xls'.*\.csv.*save the sheet as 'CSV UTF-8' or \.xlsx"):
        build_files_task(spec(tmp_path / "own.xls"), "own")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1))
def test_what_a_csv_writer_wrote_is_read_back(tmp_path_factory, table):
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("text", "label"), *table])
    path = tmp_path_factory.mktemp("csv") / "own.csv"
    try:
        path.write_bytes(buffer.getvalue().encode())
    except UnicodeEncodeError:
        return
    columns = read_columns(path, ["text", "label"])
    assert list(zip(columns["text"], columns["label"], strict=True)) == table
