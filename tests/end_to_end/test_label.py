"""docs/label.md, line by line: from a file of texts to a model, its accuracy and its predictions."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc_project import ROOT, Project

pytestmark = pytest.mark.slow
BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/label.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_lines_of_the_page_lead_from_a_file_to_a_model(tmp_path):
    project = Project(tmp_path)
    # A model that no test need fetch, in the place of MiniLM.
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["focus"]["embedder"] = "lsa"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = ""
    for text in BLOCKS:
        done = subprocess.run(
            ["bash", "-e"],
            input=text,
            cwd=tmp_path,
            env=project.environment | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, text + done.stdout + done.stderr
        said += done.stdout
    with (tmp_path / "my_texts.csv").open(encoding="utf-8", newline="") as handle:
        mine = list(csv.DictReader(handle))
    with (tmp_path / "all_answers.csv").open(encoding="utf-8", newline="") as handle:
        truth = list(csv.DictReader(handle))
    assert [row["description"] for row in mine] == [row["description"] for row in truth]
    assert all(row["kind"] in ("", true["kind"]) for row, true in zip(mine, truth, strict=True))
    assert sum(bool(row["kind"]) for row in mine) == 40 + 3 * 50
    assert max(map(int, re.findall(r"from (\d+) audited texts", said))) >= 30
    assert "Go on (labels>=500)" in said
    assert "hours saved" in said
    assert len(json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))) == 50
    assert "Estimate(value=" in said
    assert "What would more labels bring?" in (tmp_path / "my_texts.report.html").read_text(encoding="utf-8")
