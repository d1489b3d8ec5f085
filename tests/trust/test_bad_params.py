"""params.yaml broken on purpose: whatever it holds, it is either understood or refused in one clear error."""

import math
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refusal

from nofreelunch import params
from nofreelunch.base.errors import UserError

ROOT = Path(__file__).parents[2]
FILE = Path("params.yaml")
SHIPPED = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
WHOLE = {name: value for name, value in SHIPPED.items() if name not in ("datasets", "embedders")} | {
    "grid": SHIPPED["grid"] | {"datasets": ["docs_kind", "ag_news", "own"], "embedders": ["lsa", "minilm", "vectors"]},
    "datasets": {name: SHIPPED["datasets"][name] for name in ("docs_kind", "ag_news", "fnc1")}
    | {"own": {"source": "files", "train_file": "own.csv", "test_file": "t.csv", "test_share": 0.5}},
    "embedders": {name: SHIPPED["embedders"][name] for name in ("hashing", "lsa", "minilm", "nv_embed_v2")}
    | {"vectors": {"kind": "npy", "vectors": "{split}.npy", "texts": "{split}.csv"}},
}


def places(content, path=()):
    """Every key and list item of ``content``, as a path from its root."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


PLACES = list(places(WHOLE))
LEAVES = [path for path in PLACES if path and not any(other != path and other[: len(path)] == path for other in PLACES)]


def changed(path, change):
    """A copy of `WHOLE` in which ``change(parent, key)`` has been applied at ``path``."""
    content = deepcopy(WHOLE)
    section = content
    for key in path[:-1]:
        section = section[key]
    change(section, path[-1])
    return content


def put(value):
    return lambda section, key: section.__setitem__(key, value)


def check(loaded):
    """What later stages may rely on."""
    for axis in ("datasets", "embedders", "pools", "strategies"):
        names = getattr(loaded.grid, axis)
        assert len(set(names)) == len(names) > 0
        assert set(names) <= getattr(loaded, axis).keys()
        for name in names:
            assert Path("data", name).resolve().parent == Path("data").resolve()
    for classes in (2, 1000):
        rounds = loaded.budget.resolve(None, classes)
        assert min(rounds.initial, rounds.batch, rounds.rounds) >= 1
        assert max(rounds.initial, rounds.batch, rounds.rounds) < 2**53
    assert loaded.head.C == "cv" or 0 < loaded.head.C < math.inf


# Types and ranges that no field of its own kind takes.
WRONG = [None, True, -1, 0, 1.5, math.nan, math.inf, 10**30, "", "no such thing", "../../etc", "\0", [], [None], {}]


def test_every_leaf_with_a_wrong_value_is_refused_by_its_key_or_is_legal():
    refused = 0
    for path in LEAVES:
        for value in WRONG:
            message = refusal(lambda path=path, value=value: check(params.checked(changed(path, put(value)), FILE)))
            refused += message is not None
            assert message is None or str(path[0]) in message, (path, value)
    assert refused > len(LEAVES) * len(WRONG) * 0.75


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_no_leaf_takes_a_mapping_or_a_list_of_mappings(path):
    for value in ({"x": 1}, [{"x": 1}], [[1]]):
        with pytest.raises(UserError, match=str(path[0])):
            params.checked(changed(path, put(value)), FILE)


def test_every_key_misspelt_is_refused():
    def misspell(section, key):
        section[f"{key}x"] = section.pop(key)

    named = [path for path in PLACES if isinstance(path[-1], str)]
    entries = {("datasets", "fnc1"), ("embedders", "hashing"), ("embedders", "nv_embed_v2")}
    unused = {
        (axis, name) for axis in ("pools", "strategies") for name in WHOLE[axis] if name not in WHOLE["grid"][axis]
    }
    for path in named:
        if path in entries:
            continue
        with pytest.raises(UserError):
            params.checked(changed(path, misspell), FILE)
    assert unused <= set(named)


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("embedders", {"dim": 8}, r"embedders\.x\.kind: is missing\. Legal values: hashing, lsa, npy, outside, tra"),
        ("datasets", {"train_file": "a.csv"}, r"datasets\.x\.source: is missing\. Legal values: docs, files, hub"),
        ("annotator", {"rate": 0.1}, r"annotator\.noise: is missing\. Legal values: matrix, next, none, per_class"),
    ],
)
def test_an_entry_that_does_not_say_its_kind_is_told_which_there_are(section, value, message):
    entry = value if section == "annotator" else WHOLE[section] | {"x": value}
    with pytest.raises(UserError, match=message):
        params.checked(WHOLE | {section: entry}, FILE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {seeds: 1, seeds: 2}", r"the key 'seeds' stands twice.*line 1"),
        ("a: &a [*a]", "params"),
        ("x: 2001-13-45", "no valid YAML"),
        ("x: " + "9" * 5000, "no valid YAML"),
        ("x: " + "[" * 1500, "no valid YAML"),
        ("x: !!python/object/apply:os.system ['true']", "no valid YAML"),
        ("\ufeffx: 1", "unknown key 'x'"),
        ("x: \ud800".encode("utf-8", "surrogatepass"), "no valid YAML"),
        (b"\xff\xfe", "no valid YAML"),
        (b"grid: \x00", "no valid YAML"),
    ],
)
def test_what_yaml_makes_of_odd_files_is_refused(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=message):
        params.load(path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        params.load(tmp_path / "params.yaml")


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([path[-1] for path in PLACES])
    | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), JUNK, st.booleans())
def test_any_value_at_any_place_is_understood_or_refused(path, value, delete):
    def change(section, key):
        if delete:
            del section[key]
        else:
            section[key] = value

    refusal(lambda: check(params.checked(changed(path, change), FILE)))


TEXT = yaml.safe_dump(WHOLE)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_to_the_text_is_understood_or_refused(tmp_path_factory, data):
    damaged = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(
            st.binary(max_size=3)
            | st.sampled_from([b"\n", b"  ", b"- ", b": ", b"&a ", b"*a", b"!!", b"{", b"\t", b"#"])
        )
    path = tmp_path_factory.getbasetemp() / "params.yaml"
    path.write_bytes(damaged)
    refusal(lambda: check(params.load(path)))
