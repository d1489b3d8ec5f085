"""The table of docs/statistics.md is that of `simulated`, and the tests that are printed hold their size."""

import re
from pathlib import Path

import pytest
import simulated
from scipy import stats

TABLE = (Path(__file__).parents[2] / "docs/statistics.md").read_text(encoding="utf-8").split("## Size and power")[1]
ROWS = {
    match[1]: [float(number) for number in match[2].split("|")]
    for match in re.finditer(r"^\| ([^*|]+) \| ((?:0|1)\.\d{3} .*\d) \|$", TABLE, re.MULTILINE)
}


def test_the_table_has_every_test():
    assert list(ROWS) == [*simulated.PRINTED, *simulated.NOT_PRINTED]


@pytest.mark.parametrize("name", simulated.PRINTED)
def test_what_is_printed_holds_its_size_and_finds_an_effect(name):
    few, _, many, power = ROWS[name]
    assert max(few, many) <= 0.08
    assert power > 0.5


@pytest.mark.parametrize("name", simulated.NOT_PRINTED)
def test_what_is_not_printed_does_not(name):
    assert ROWS[name][0] > 0.2


@pytest.mark.parametrize("name", [*simulated.PRINTED, *simulated.NOT_PRINTED])
def test_a_part_of_the_simulation_agrees_with_the_table(name):
    few, _, _, power = ROWS[name]
    for told, tasks, effect, draws in ((few, 4, 0.0, 15), (power, 10, simulated.EFFECT, 4)):
        count = round(simulated.rate(name, tasks, effect, draws) * draws)
        # The table's own error is that of 200 draws: a rate of 0 or 1 may well be one of 0.02 or 0.98.
        true = min(max(told, 0.02), 0.98)
        assert stats.binom.cdf(count, draws, true) > 1e-4
        assert stats.binom.sf(count - 1, draws, true) > 1e-4
