"""Reports of synthetic runs."""

import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

import synthetic_runs

from nofreelunch import params
from nofreelunch.evaluation.summary import summarise
from nofreelunch.report.page import render

SHIPPED = Path(__file__).parents[2] / "params.yaml"
TRUTH = synthetic_runs.Truth(strategy_gain={"margin": 0.02}, pool_gain={"typiclust": 0.03}, site_noise=0.004)


def build(folder, rounds=6, **grid):
    """(params, tables, claims, path of the page) of the shipped grid with some factors changed."""
    content = yaml.safe_load(SHIPPED.read_text())
    content["grid"] |= grid
    content["focus"]["embedder"] = content["grid"]["embedders"][-1]
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    loaded = params.load(folder / "params.yaml")
    axes = [getattr(loaded.grid, name) for name in ("datasets", "embedders", "pools", "strategies", "seeds")]
    made = summarise(*synthetic_runs.make(*axes, TRUTH, rounds=rounds), loaded.focus.embedder, loaded.known())
    page = folder / "report.html"
    page.write_text(render(loaded, made.tables, made.claims), encoding="utf-8")
    return loaded, made.tables, made.claims, page
