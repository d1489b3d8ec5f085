"""The command lines themselves: what is wrong ends in one line and a status that is not 0."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "params.yaml").read_text(encoding="utf-8")
CASES = {
    "no YAML": ("grid: [", ["stages.embed", "docs_kind", "lsa"]),
    "wrong strategy": (GOOD.replace("    - badge\n", "    - bagde\n"), ["stages.active_learn", "docs_kind", "lsa"]),
    "unknown task": (GOOD, ["stages.download", "docs_kin"]),
    "missing files": (GOOD, ["stages.active_learn", "docs_kind", "lsa"]),
    "missing runs": (GOOD, ["stages.aggregate"]),
    "wrong seeds": (GOOD.replace("seeds: 5", "seeds: 0"), ["nofreelunch", "check"]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_ends_in_one_error_and_status_1(tmp_path, case):
    text, command = CASES[case]
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
