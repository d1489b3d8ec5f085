"""params.yaml means to the stages what it means to DVC."""

import math
import re
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import parse_yaml
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.base.spec import NUMBER
from nofreelunch.base.yaml_core import read_yaml

SCALARS = "0.00001 1.0e-3 1.e3 .5 5. -.5 +1 -1 010 0o10 0x1F 0b11 1_000 1_0.5 12:30 12:30:45 1.2.3 1e 0 00 08"
SCALARS += (
    " yes no on off y n Yes TRUE True false null Null NULL ~ .inf -.inf .nan .NaN +.inf 2001-01-01 09.5 1.e+3 -0 +0.0"
)


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("text", SCALARS.split())
def test_scalars_are_those_of_dvc(text):
    assert same(read_yaml(f"a: {text}")["a"], parse_yaml(f"a: {text}", "params.yaml")["a"])


@given(st.from_regex(r"[-+]?[0-9.eExob]{1,8}", fullmatch=True))
def test_what_looks_like_a_number_is_what_dvc_takes_it_for(text):
    try:
        wanted = parse_yaml(f"a: {text}", "params.yaml")["a"]
    except Exception:
        return
    assert same(read_yaml(f"a: {text}")["a"], wanted) or NUMBER.fullmatch(text)


@pytest.mark.parametrize("text", ["1e-3", "1e-05", "1E5", "1.5e3"])
def test_exponents_are_numbers_where_numbers_are_wanted(tmp_path, text):
    shipped = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")
    changed, count = re.subn(r"(?m)^  C: .*$", f"  C: {text}", shipped)
    assert count == 1
    (tmp_path / "params.yaml").write_text(changed)
    assert float(text) == params.load(tmp_path / "params.yaml").head.C


@pytest.mark.parametrize("text", ["a: {{ x }}", "a: [{[1, 2]: 3}]", "? {a: 1}\n: 2", "a: {{ x }}.csv"])
def test_braces_in_the_place_of_a_key_are_no_yaml(tmp_path, text):
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"no valid YAML(.|\n)*line 1"):
        params.load(tmp_path / "params.yaml")
