"""Files broken on purpose: each is refused in one clear error, or reads as what was written."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refusal

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.cells.cell_files import read_data
from nofreelunch.embedders.kinds.npy import Npy, find_vectors
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.columns import READERS, read_columns
from nofreelunch.tasks.labels import write_labels
from nofreelunch.tasks.spec import FilesTask
from nofreelunch.tasks.table import Split, read_split, write_task

LABELS = np.array([0, 1] * 10)


def damaged(content, data):
    """``content`` cut off somewhere, or with some of its bits turned over."""
    if data.draw(st.booleans()):
        return content[: data.draw(st.integers(0, len(content) - 1))]
    changed = bytearray(content)
    for bit in data.draw(st.sets(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=2)):
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_table_is_refused_or_reads_as_it_was(tmp_path_factory, data):
    columns = {"ips": ["random", "typiclust"] * 10, "row": np.arange(20) ** 3, "accuracy": 1 / np.arange(1, 21)}
    path = tmp_path_factory.mktemp("table") / "a.parquet"
    storage.write_table(path, columns)
    whole = storage.read_table(path)
    path.write_bytes(damaged(path.read_bytes(), data))
    try:
        found = storage.read_table(path, tuple(columns))
    except UserError as error:
        known = str(error)
        assert str(path) in known
        return
    for name, values in whole.items():
        assert found[name].dtype == values.dtype
        assert found[name].tolist() == values.tolist()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_head_of_an_array_is_refused_or_says_what_it_holds(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    storage.write_npy(path, np.ones((20, 3), np.float32))
    content = path.read_bytes()
    path.write_bytes(damaged(content[:128], data) + content[128:])

    def read():
        assert storage.read_npy(path).nbytes <= path.stat().st_size

    assert str(path) in (refusal(read) or str(path))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=80) | st.text(max_size=60).map(json.dumps).map(str.encode))
def test_any_bytes_are_a_table_or_are_refused(tmp_path_factory, suffix, content):
    path = tmp_path_factory.getbasetemp() / f"own{suffix}"
    path.write_bytes(data_or_header(suffix, content))

    def read():
        columns = read_columns(path, ["text", "label"])
        assert len(columns["text"]) == len(columns["label"])

    assert str(path) in (refusal(read) or str(path))


def data_or_header(suffix, content):
    """So that not all stop at the header."""
    return {".csv": b"text,label\n", ".tsv": b"text\tlabel\n"}.get(suffix, b"") + content


def lines(rows):
    return "\n".join(json.dumps({"text": text, "label": label}) for text, label in rows)


def texts(odd):
    return lines([(f"t{i}", i % 2) for i in range(20)] + [(odd, 1)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (texts("half \ud83d"), r"text of line \d+ holds half a character"),
        (lines([(f"t{i}", "\udc00" if i % 2 else "a") for i in range(20)]), "label .* holds half a character"),
        ("[" * 100_000, "line 1: no JSON"),
        ('{"text": "a", "label": ' + "1" * 5000 + "}", "line 1: no JSON"),
        ('{"text": "a", "label": Infinity}\n{"text": "b", "label": 1}', "label inf is no class"),
        ('{"text": "a", "label": 1}', "test split has no rows"),
        ("", "has no rows"),
    ],
)  # fmt: skip
def test_odd_json_lines_are_refused(own, content, message):
    Path("own.jsonl").write_text(content)
    with pytest.raises(UserError, match=message):
        build_task(FilesTask(source="files", train_file="own.jsonl"), "own")


ODD = {
    "null byte": "null \0 byte",
    "right to left": "שלום عربى",
    "joined emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "10 MB": "x" * 10_000_000,
    "line breaks": "a\r\nb\u2028c",
    "markup": "'; DROP TABLE <script>",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_texts_go_through_unchanged(own, odd):
    Path("own.jsonl").write_text(texts(odd))
    write_task(build_task(FilesTask(source="files", train_file="own.jsonl"), "own"), "own")
    assert odd in read_split("own", "train").text + read_split("own", "test").text


@pytest.mark.parametrize("name", ["a\0.csv", "a" * 5000 + ".csv", "folder.csv", "none.csv"], ids=range(4))
def test_names_of_files_that_no_file_can_have_are_refused(own, name):
    Path("folder.csv").mkdir()
    with pytest.raises(UserError, match=r"cannot be read|does not exist"):
        build_task(FilesTask(source="files", train_file=name), "own")


GOOD = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
VECTORS = {
    "NaN": (np.where(np.arange(20)[:, None] == 3, np.nan, GOOD), "not finite .* the first is row 3"),
    "infinite": (np.where(np.arange(20)[:, None] == 3, -np.inf, GOOD), "not finite .* the first is row 3"),
    "infinite float16": (np.where(GOOD > 0, np.inf, GOOD).astype(np.float16), "not finite"),
    "overflows when squared": (GOOD * np.float32(1e30), "beyond"),
    "whole numbers": (GOOD.astype(int), "holds int64"),
    "complex": (GOOD.astype(complex), "holds complex128"),
    "strings": (GOOD.astype(str), "holds <U"),
    "no dimensions": (GOOD[:, :0], r"holds float32 \(20, 0\)"),
    "a vector": (GOOD[:, 0], r"holds float32 \(20,\)"),
    "three axes": (GOOD[:, :, None], r"holds float32 \(20, 4, 1\)"),
    "too few rows": (GOOD[:19], "holds float32 .*20 train rows"),
    "pickled": (GOOD.astype(object), "no plain"),
    "other dimensions than the test rows": (GOOD[:, :3], "3 dimensions in the pool and 4"),
}


def write_own_task(labels=LABELS, card=None):
    for split in ("train", "test"):
        storage.write_table(layout.task_split("own", split), {"text": ["a"] * len(LABELS), "label": labels})
    storage.write_json(layout.task_card("own"), {"classes": ["a", "b"]} if card is None else card)


def write_cell(pool=GOOD):
    write_own_task()
    write_labels("own", "vectors", LABELS, LABELS)
    for split, vectors in (("train", pool), ("test", GOOD)):
        path = layout.embedding("own", "vectors", split)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, vectors, allow_pickle=True)


@pytest.mark.parametrize("fault", VECTORS)
def test_what_is_no_embedding_is_refused(own, fault):
    vectors, message = VECTORS[fault]
    write_cell(pool=vectors)
    with pytest.raises(UserError, match=message):
        read_data("own", "vectors")


@pytest.mark.parametrize("vectors", [GOOD * 0, GOOD.astype(np.float16), GOOD.astype(np.float64), GOOD.astype(">f4")])
def test_legal_embeddings_are_read(own, vectors):
    write_cell(pool=vectors)
    assert read_data("own", "vectors").pool.shape == (20, 4)


@pytest.mark.parametrize(
    ("labels", "card", "message"),
    [
        (LABELS - 1, None, r"row 0 has the label -1"),
        (LABELS + 1, None, r"row 1 has the label 2.* 0 to 1"),
        (LABELS / 2, None, "labels are float64"),
        ([None] * 20, None, "labels are object"),
        (LABELS, {}, "holds no labels"),
        (LABELS, {"classes": 2}, "holds no labels"),
        (LABELS, {"classes": ["a"]}, "does not list the classes"),
        (LABELS, ["a", "b"], "holds no labels"),
    ],
)
def test_labels_that_are_none_of_the_classes_are_refused(own, labels, card, message):
    write_own_task(labels, card)
    with pytest.raises(UserError, match=message):
        write_labels("own", "vectors", read_split("own", "train").label, read_split("own", "test").label)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"train": [0, 2]}, r"row 1 has the label 2.* 0 to 1"),
        ({"train": [0.5, 1]}, "no whole numbers"),
        ({"classes": ["a"]}, "does not list the classes"),
        ({"classes": 3}, "holds no labels"),
    ],
)
def test_damaged_labels_of_a_cell_are_refused(own, damage, message):
    write_cell()
    path = layout.labels("own", "vectors")
    storage.write_json(path, storage.read_json(path) | damage)
    with pytest.raises(UserError, match=message):
        read_data("own", "vectors")


def test_initial_pools_of_another_pool_are_refused(own):
    params = own.params()
    own.run(params, "download", "embed", "initialize")
    path = layout.pools("own", "vectors")
    whole = storage.read_table(path)
    for row, message in ((400, "400 rows"), (-1, "400 rows"), (whole["row"][1], "a row twice")):
        rows = whole["row"].copy()
        rows[0] = row
        storage.write_table(path, whole | {"row": rows})
        with pytest.raises(UserError, match=f"{message}.*initialize@own-vectors"):
            own.run(params, "active_learn")
    storage.write_table(path, whole | {"row": whole["row"] + 0.5})
    with pytest.raises(UserError, match="initialize@own-vectors"):
        own.run(params, "active_learn")


def test_a_start_larger_than_the_pool_stops_before_anything_is_embedded(own):
    for sections in (
        {"budget": {"custom": {"initial": 401, "batch": 1, "rounds": 1}}},
        {"budget": {"track": "low", "low": {"per_class": 200.0, "rounds": 1}}},
    ):
        params = own.params(**sections)
        own.run(params, "download")
        with pytest.raises(UserError, match=r"k₀ = \d+ labels .* \(400 rows\)\. Lower it"):
            own.run(params, "embed")
        assert not list(Path("data/embeddings").rglob("*.npy"))


def test_a_budget_past_the_pool_ends_there_and_says_so(own, capsys):
    own.run(own.params(budget={"custom": {"initial": 300, "batch": 70, "rounds": 9}}))
    assert "pool of own was used up before the budget" in capsys.readouterr().out
    runs = storage.read_table(layout.runs("own", "vectors"))
    assert runs["labels"].tolist() == [300, 370, 400] * 2


def test_a_class_that_only_the_test_rows_have_is_evaluated_and_noted(own):
    own.labels["test"][0] = 3
    own.write()
    own.run(own.params())
    assert storage.read_json(layout.task_card("own"))["classes_only_in_test"] == ["c3"]
    assert np.isfinite(storage.read_table(layout.runs("own", "vectors"))["nll"]).all()


def test_pickled_vectors_of_ones_own_are_refused_unread(own):
    class Trap:
        def __reduce__(self):
            return Path.touch, (Path("trapped"),)

    np.save("train.npy", np.array([Trap()], object), allow_pickle=True)
    entry = Npy(kind="npy", vectors="{split}.npy", texts="{split}.csv")
    split = Split(own.texts["train"], None, own.labels["train"])
    with pytest.raises(UserError, match="no plain"):
        find_vectors(entry, {"train": split}, "joined", "own")
    assert not Path("trapped").exists()


def test_a_memo_that_cannot_be_a_folder_is_refused(own, monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("NOFREELUNCH_CACHE", "file")
    with pytest.raises(UserError, match="cannot write"):
        own.run(own.params())


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_bit_turned_in_an_embedding_is_noticed_by_the_digest_in_its_card(own, split):
    own.run(own.params(), "download", "embed")
    read_data("own", "vectors")
    path = layout.embedding("own", "vectors", split)
    content = bytearray(path.read_bytes())
    # The lowest bit of the last value: no other check can see it.
    content[-4] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is not the file that was written.*dvc repro"):
        read_data("own", "vectors")
