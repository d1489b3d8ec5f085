"""What ships of the study is what its runs say: everything in study/ is made again from study/runs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from nofreelunch.base import layout, provenance
from nofreelunch.cli.render import render
from nofreelunch.report.figures import curves, differences, style

pytestmark = pytest.mark.slow
PROJECT = provenance.ROOT.parents[1]
STUDY = PROJECT / "study"
# Pictures and the page hold no numbers of their own; their bytes also depend on the fonts of the machine.
NUMBERS = {".csv", ".md", ".json"}
WRITTEN = {"dvc.yaml", ".gitignore", "environment.json"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    shutil.copytree(STUDY / "runs", folder / "runs")
    shutil.copyfile(STUDY / "params.yaml", folder / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        # A panel for every cell, which takes longest and does not ship.
        for large in (curves, differences):
            patch.setattr(large, "draw", lambda *_, **__: style.figure(1, 1))
        render(folder)
    return folder


def shipped():
    listed = subprocess.run(["git", "ls-files", "study"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return [PROJECT / name for name in listed.stdout.split() if Path(name).name not in WRITTEN]


def test_every_table_is_made_again_from_the_runs_to_the_same_bytes(made):
    tables = [path for path in shipped() if path.suffix in NUMBERS]
    assert len(tables) > 30
    differ = [str(path) for path in tables if (made / path.relative_to(STUDY)).read_bytes() != path.read_bytes()]
    assert not differ


def test_every_figure_and_the_report_are_made_again(made):
    made_here = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    assert {path.relative_to(STUDY) for path in shipped()} <= made_here


def test_the_evidence_in_the_package_is_the_studys(made):
    assert (made / "evidence/arms.parquet").read_bytes() == (layout.STUDY / "arms.parquet").read_bytes()
