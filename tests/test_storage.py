import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nofreelunch.base import storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo


def test_failed_write_leaves_the_old_file_and_no_temporary(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted():
        with storage.atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporaries_of_dead_processes_are_swept_and_those_of_living_ones_kept(tmp_path):
    import os
    import socket

    host = socket.gethostname().replace(".", "-")
    dead, living = (tmp_path / f".a.txt.{host}.{pid}.tmp" for pid in (2**22 + 1, os.getppid()))
    dead.touch()
    living.touch()
    with storage.atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert not dead.exists()
    assert living.exists()


def test_full_or_forbidden_disk_is_a_user_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        storage.write_json(tmp_path / "file" / "a.json", {})


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, min_side=0)))
def test_npy_round_trip_is_exact_and_read_only(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    storage.write_npy(path, array)
    back = storage.read_npy(path)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    assert not back.flags.writeable


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2)))
def test_an_npy_filled_through_a_map_is_one_written_at_once(tmp_path_factory, array):
    folder = tmp_path_factory.mktemp("npy")
    with storage.new_npy(folder / "map.npy", array.shape) as out:
        assert not out.any()
        out[:] = array
    storage.write_npy(folder / "whole.npy", array)
    assert (folder / "map.npy").read_bytes() == (folder / "whole.npy").read_bytes()


def test_a_map_that_is_not_finished_or_has_no_room_leaves_the_old_file(tmp_path):
    import resource

    path = tmp_path / "a.npy"
    storage.write_npy(path, np.ones((2, 2), np.float32))
    with pytest.raises(RuntimeError), storage.new_npy(path, (3, 3)):
        raise RuntimeError
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, old[1]))
    try:
        with pytest.raises(UserError, match="Free some space"), storage.new_npy(path, (1000, 1000)):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert np.array_equal(storage.read_npy(path), np.ones((2, 2)))
    assert list(tmp_path.iterdir()) == [path]


def test_pickled_arrays_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(UserError, match="no plain"):
        storage.read_npy(path)


def test_missing_and_broken_files_are_named(tmp_path):
    for read in (storage.read_npy, storage.read_table, storage.read_json):
        with pytest.raises(UserError, match=r"missing.*dvc"):
            read(tmp_path / "none")
        (tmp_path / "broken").write_bytes(b"PAR1 no")
        with pytest.raises(UserError, match="broken"):
            read(tmp_path / "broken")


def test_absent_column_is_named_with_those_there(tmp_path):
    storage.write_table(tmp_path / "a.parquet", {"text": ["x"]})
    with pytest.raises(UserError, match=r"lacks.*label.*has text"):
        storage.read_table(tmp_path / "a.parquet", ("text", "label"))


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        storage.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_digest_tells_order_type_dtype_and_shape_apart():
    array = np.arange(6, dtype=np.int64)
    parts = [
        (array,),
        (array.astype(np.int32),),
        (array.reshape(2, 3),),
        (array[:3], array[3:]),
        (array.tobytes(),),
        ("ab", "c"),
        ("a", "bc"),
        ({"a": 1},),
        (json.dumps({"a": 1}),),
    ]
    assert len({storage.digest(*part) for part in parts}) == len(parts)
    assert storage.digest({"a": 1, "b": 2}) == storage.digest({"b": 2, "a": 1})
    assert storage.digest(array[::2]) == storage.digest(array[::2].copy())


@given(st.binary(min_size=1, max_size=3), st.data())
def test_altered_or_truncated_memo_entry_counts_as_absent(tmp_path_factory, change, data):
    memo = Memo(tmp_path_factory.mktemp("memo"))
    stored = {"a": np.arange(5), "b": np.eye(2, dtype=np.float32)}
    memo.save("0123", stored)
    loaded = memo.load("0123")
    assert loaded is not None
    assert {name: array.tolist() for name, array in loaded.items()} == {k: v.tolist() for k, v in stored.items()}

    (path,) = (path for path in memo.folder.rglob("*") if path.is_file())
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - len(change)))
    if content[at : at + len(change)] == change:
        del content[at:]
    content[at : at + len(change)] = change
    path.write_bytes(content)
    assert memo.load("0123") is None
    assert memo.load("none") is None


@pytest.mark.parametrize("fault", ["other type", "fewer rows", "other name"])
def test_a_table_that_reads_as_another_is_refused(tmp_path, fault):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    storage.write_table(path, {"name": ["a", "b", "c"], "row": np.arange(3)})
    table = pq.read_table(path)
    altered = {
        "other type": table.set_column(0, "name", table["name"].cast(pa.binary())),
        "fewer rows": table.slice(0, 2),
        "other name": table.rename_columns(["name", "rov"]),
    }[fault]
    pq.write_table(altered.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(UserError, match="is no readable parquet file"):
        storage.read_table(path)
