import json
from pathlib import Path

import pytest
import yaml
from dvc_render.vega import VegaRenderer

from nofreelunch.evaluation.summary import _plot
from nofreelunch.report.figures.style import look

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / ".dvc" / "plots" / "curve_band.json"


@pytest.fixture
def spec():
    point = {"dataset": "d", "ips": "random", "strategy": "margin", "labels": 100, "mean": 0.5, "lo": 0.4, "hi": 0.6}
    points = [point | {"rev": rev} for rev in ("HEAD", "workspace")]
    settings = {"x": "labels", "y": "mean", "title": "Learning curves", "y_label": "accuracy"}
    renderer = VegaRenderer(
        points, "plots/curves.csv", template="curve_band", template_dir=str(TEMPLATE.parent), **settings
    )
    return renderer.get_filled_template()


def fields(value):
    if isinstance(value, dict):
        own = {value["field"]} if isinstance(value.get("field"), str) else set()
        return own.union(*(fields(part) for part in value.values()))
    if isinstance(value, list):
        return set().union(*(fields(part) for part in value))
    return set()


def test_dvc_fills_the_template_whole(spec):
    assert "<DVC_METRIC" not in json.dumps(spec)
    assert spec["$schema"].endswith("vega-lite/v5.json")
    assert spec["title"] == "Learning curves"
    assert len(spec["data"]["values"]) == 2
    assert set(spec["facet"]) == {"row", "column"}
    assert fields(spec) <= set(spec["data"]["values"][0])


def test_two_revisions_stay_apart_in_line_and_band(spec):
    band, line, _ = spec["spec"]["layer"]
    assert band["mark"]["type"] == "errorband"
    assert (band["encoding"]["y"]["field"], band["encoding"]["y2"]["field"]) == ("lo", "hi")
    assert band["encoding"]["detail"]["field"] == "rev"
    assert line["encoding"]["y"]["field"] == "mean"
    assert line["encoding"]["strokeDash"]["field"] == "rev"


def test_strategies_have_the_colours_of_the_figures(spec):
    scale = spec["spec"]["encoding"]["color"]["scale"]
    assert scale["range"] == [look(name).colour for name in scale["domain"]]
    grid = yaml.safe_load((ROOT / "params.yaml").read_text())["grid"]
    assert set(grid["strategies"]) <= set(scale["domain"])


def test_the_template_shows_the_columns_that_aggregate_writes(small, spec):
    columns = set(_plot(small["curves"], "minilm").columns)
    assert fields(spec) - {"rev"} <= columns
