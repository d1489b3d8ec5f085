import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base.errors import UserError
from nofreelunch.cli.yaml_edit import put, set_values

TEXT = """\
# head
grid:
  datasets:   # the tasks
    # first
    - one  # a remark
    - two

    # third
    - three
  flow: [a, b]  # flow
  seeds: 5  # seeds
other: {x: 'quoted', datasets: [z]}
# tail"""


def test_a_scalar_keeps_its_comment():
    assert set_values(TEXT, {("grid", "seeds"): 10}) == TEXT.replace("seeds: 5 ", "seeds: 10 ")
    assert set_values(TEXT, {("other", "x"): "plain"}) == TEXT.replace("'quoted'", "plain")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("grid", "new"), "  seeds: 5  # seeds\n  new: {a: 1, b: true}\n"),
        (("other", "new"), "other: {x: 'quoted', datasets: [z], new: {a: 1, b: true}}"),
        (("other", "x"), "other: {x: {a: 1, b: true}, datasets: [z]}"),
        (("new",), "\nnew: {a: 1, b: true}\n# tail"),
    ],
)
def test_a_key_is_put_and_taken_away(path, line):
    text = put(TEXT, path, {"a": 1, "b": True})
    assert line in text
    found = yaml.safe_load(text)
    for key in path:
        found = found[key]
    assert found == {"a": 1, "b": True}
    assert put(text, path, {"a": 1, "b": True}) == text
    if path[-1] == "new":
        assert put(text, path, None) == TEXT
    assert "x" not in yaml.safe_load(put(TEXT, ("other", "x"), None))["other"]


@pytest.mark.parametrize(("value", "written"), [(1.0, "1.0"), (False, "false"), ("cv", "cv"), (7, "7")])
def test_a_value_is_written_as_yaml(value, written):
    assert put(TEXT, ("grid", "seeds"), value) == TEXT.replace("seeds: 5 ", f"seeds: {written} ")


def test_only_a_mapping_takes_a_key():
    with pytest.raises(UserError, match=r"grid\.flow of params\.yaml must be a mapping"):
        put(TEXT, ("grid", "flow", "x"), 1)


def test_a_flow_list_stays_one():
    assert set_values(TEXT, {("grid", "flow"): ["c"]}) == TEXT.replace("[a, b]", "[c]")


def test_a_block_list_keeps_lines_and_comments_of_the_names_that_stay():
    new = set_values(TEXT, {("grid", "datasets"): ["three", "four", "one"]})
    block = """\
    # first

    # third
    - three
    - four
    - one  # a remark
"""
    assert new == TEXT.replace(TEXT[TEXT.index("    # first") : TEXT.index("  flow")], block)


def test_the_last_line_may_lack_its_end():
    assert set_values("a:\n  - x", {("a",): ["y", "x"]}) == "a:\n  - y\n  - x\n"


@given(
    st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True),
    st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True),
    st.booleans(),
)
def test_only_the_value_changes_and_the_way_back_is_exact(old, new, flow):
    items = f" [{', '.join(old)}]\n" if flow else "\n" + "".join(f"  - {name}  # {name}!\n" for name in old)
    text = f"# x\nk: {{v: 1}}  # y\nlist:{items}z: 3\n"
    changed = set_values(text, {("list",): new})
    assert yaml.safe_load(changed) == yaml.safe_load(text) | {"list": new}
    assert changed.startswith("# x\nk: {v: 1}  # y\nlist:")
    assert changed.endswith("z: 3\n")
    if set(old) <= set(new):
        assert set_values(changed, {("list",): old}) == text


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("grid", "sets"), ["x"], "lacks 'grid.sets'"),
        (("gird", "datasets"), ["x"], "lacks 'gird'"),
        (("grid", "seeds"), ["x"], "grid.seeds of params.yaml must be a list"),
        (("grid", "flow"), 3, "grid.flow of params.yaml must be a single value"),
        (("grid", "seeds", "deep"), 3, "lacks 'grid.seeds.deep'"),
    ],
)
def test_what_is_not_there_is_not_made_up(path, value, message):
    with pytest.raises(UserError, match=message):
        set_values(TEXT, {path: value})


def test_no_yaml_is_refused():
    with pytest.raises(UserError, match="no valid YAML"):
        set_values("a: [", {("a",): "b"})
