import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import read_npy
from nofreelunch.embedders.kinds.npy import Npy, digests, find_vectors
from nofreelunch.tasks.table import Split


def split(text, pair=None):
    return Split(text, pair, np.zeros(len(text), np.int64))


def save(folder, rows, vectors, header=("text",), name="own"):
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    np.save(folder / f"{name}.npy", vectors)


def spec(folder, name="own", **more):
    return Npy(kind="npy", vectors=f"{folder}/{name}.npy", texts=f"{folder}/{name}.csv", **more)


texts = st.lists(st.text('aé,"\n ', min_size=1, max_size=4), min_size=1, max_size=20, unique=True)


@given(texts, st.data(), st.sampled_from([np.float16, np.float32, np.float64]))
def test_each_text_finds_its_own_vector_in_any_order(tmp_path_factory, known, data, dtype):
    folder = tmp_path_factory.mktemp("own")
    vectors = np.arange(2 * len(known), dtype=dtype).reshape(-1, 2)
    save(folder, [[text] for text in known], vectors)
    rows = st.lists(st.integers(0, len(known) - 1), min_size=1)
    train, test = data.draw(rows), data.draw(rows)
    splits = {"train": split([known[i] for i in train]), "test": split([known[i] for i in test])}
    found = find_vectors(spec(folder), splits, "joined", "own")
    for name, places in (("train", train), ("test", test)):
        assert found[name][0].dtype == np.float32
        assert np.array_equal(found[name][0], vectors[places].astype(np.float32))


def test_of_equal_texts_the_first_counts(tmp_path):
    save(tmp_path, [["a"], ["b"], ["a"]], np.array([[1.0], [2.0], [3.0]]))
    found = find_vectors(spec(tmp_path), {"train": split(["a", "b"])}, "joined", "own")
    assert found["train"][0].tolist() == [[1.0], [2.0]]


def test_the_table_is_read_in_the_encoding_and_with_the_delimiter_that_the_entry_names(tmp_path):
    (tmp_path / "own.csv").write_bytes("text;note\ncafé;1,5\nnaïve;2\n".encode("cp1252"))
    np.save(tmp_path / "own.npy", np.array([[1.0], [2.0]]))
    rows = {"train": split(["naïve", "café"])}
    found = find_vectors(spec(tmp_path, encoding="cp1252", delimiter=";"), rows, "joined", "own")
    assert found["train"][0].tolist() == [[2.0], [1.0]]
    with pytest.raises(UserError, match="encoding"):
        find_vectors(spec(tmp_path), rows, "joined", "own")
    with pytest.raises(ValidationError, match="encoding"):
        spec(tmp_path, encoding="no such thing")


def test_pairs_have_one_vector_or_one_for_each_text(tmp_path):
    pairs = {"train": split(["a", "b"], ["x", "a"])}
    save(tmp_path, [["b", "a"], ["a", "x"]], np.array([[1.0], [2.0]]), ("q", "r"))
    together = spec(tmp_path, text="q", text_pair="r")
    assert [part.tolist() for part in find_vectors(together, pairs, "joined", "own")["train"]] == [[[2.0], [1.0]]]
    save(tmp_path, [["a"], ["b"], ["x"]], np.array([[1.0], [2.0], [3.0]]), name="alone")
    found = find_vectors(spec(tmp_path, "alone"), pairs, "concat", "own")["train"]
    assert [part.tolist() for part in found] == [[[1.0], [2.0]], [[3.0], [1.0]]]
    with pytest.raises(UserError, match=r"has pairs of texts.*'text_pair' of this embedder, or set 'pair_format"):
        find_vectors(spec(tmp_path, "alone"), pairs, "joined", "own")
    with pytest.raises(UserError, match="single texts; remove 'text_pair'"):
        find_vectors(together, {"train": split(["a"])}, "joined", "own")


def test_files_can_be_named_by_task_and_split(tmp_path):
    for name, text in (("own.train", "a"), ("own.test", "b")):
        save(tmp_path, [[text]], np.array([[ord(text)]], np.float32), name=name)
    template = spec(tmp_path, "{dataset}.{split}")
    found = find_vectors(template, {"train": split(["a"]), "test": split(["b", "a"])}, "joined", "own")
    assert found["test"][0].tolist() == [[98.0], [97.0]]
    assert len(digests(template, "own")) == 4
    np.save(tmp_path / "own.test.npy", np.ones((1, 2)))
    with pytest.raises(UserError, match="differ in dimensions"):
        find_vectors(template, {"train": split(["a"])}, "joined", "own")
    with pytest.raises(ValidationError, match="in both 'vectors' and 'texts', or in neither"):
        Npy(kind="npy", vectors="{split}.npy", texts="own.csv")


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((1, 2)), r"own\.npy has 1 rows, but .*own\.csv has 2"),
        (np.ones(2), r"holds float64 \(2,\), not floating point \(texts, dimensions\)"),
        (np.ones((2, 2), int), "holds int64"),
        (np.array([[{}], [{}]], object), "no plain .npy array"),
        (np.array([[1, 2], [3, np.nan]]), r"row 1 of .*own\.npy, the vector of 'b', is not finite in float32 \(1 such"),
        (np.array([[1, 1e39], [-np.inf, 1]]), r"row 0 of .*own\.npy, the vector of 'a', .*\(2 such .*of task 'own'"),
    ],
)
def test_what_is_no_matrix_of_vectors_is_refused(tmp_path, vectors, message):
    save(tmp_path, [["a"], ["b"]], vectors)
    with pytest.raises(UserError, match=message):
        find_vectors(spec(tmp_path), {"train": split(["a", "b"])}, "joined", "own")


def test_an_archive_of_arrays_and_a_text_are_no_array(tmp_path):
    save(tmp_path, [["a"]], np.ones((1, 2)))
    file = tmp_path / "own.npy"
    with file.open("wb") as handle:
        np.savez(handle, np.ones((1, 2)))
    with pytest.raises(UserError, match=r"own\.npy is no plain \.npy array \(the magic string is not correct"):
        find_vectors(spec(tmp_path), {"train": split(["a"])}, "joined", "own")
    with pytest.raises(UserError, match="no plain"):
        read_npy(file)
    file.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no plain"):
        spec(tmp_path).dimensions("own")


@pytest.mark.parametrize("text", ["[1]", "null", "7"])
def test_a_row_that_is_no_text_is_named(tmp_path, text):
    np.save(tmp_path / "own.npy", np.ones((2, 2)))
    (tmp_path / "own.jsonl").write_text(f'{{"text": "a"}}\n{{"text": {text}}}\n')
    entry = Npy(kind="npy", vectors=f"{tmp_path}/own.npy", texts=f"{tmp_path}/own.jsonl")
    with pytest.raises(UserError, match=r"row 1 of column 'text' is .*, not a text"):
        find_vectors(entry, {"train": split(["a"])}, "joined", "own")


def test_a_text_without_vector_and_an_absent_file_are_named(tmp_path):
    save(tmp_path, [["a"], ["b"]], np.ones((2, 2)))
    with pytest.raises(UserError, match=r"row 1 of the test split of task 'own' has no vector: .* lacks 'b '"):
        find_vectors(spec(tmp_path), {"train": split(["a"]), "test": split(["b", "b "])}, "joined", "own")
    (tmp_path / "own.npy").unlink()
    with pytest.raises(UserError, match=r"own\.npy cannot be read: No such file.*'vectors' or 'texts'"):
        digests(spec(tmp_path), "own")
