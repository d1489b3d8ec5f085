"""`python -m nofreelunch farm`, then the stages: they compute nothing and write the same bytes as without it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.cells.experiment import BLOCK_RUNS
from nofreelunch.cells.farm import Farm

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "embedders"))
SCRIPT = ROOT / "cluster" / "slurm.sh"
GRID = {"strategies": ["random", "margin", "badge", "maxherding"], "pools": ["random", "typiclust"], "seeds": 2}
CELLS = ("vectors", "lsa")
# In the memo for a cell: initial pools, a portrait, a probe and runs.
POOLS, ALL = 4, 4 + 1 + 1 + 16


@pytest.fixture
def farm(own, tmp_path):
    """Start the command on the cells of a small grid, whose task is there."""
    params = own.params(grid=GRID | {"embedders": [*CELLS]}, budget={"custom": {"initial": 9, "batch": 4, "rounds": 6}})
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
    own.run(params, "download")

    def start(*arguments, **environment):
        paths = os.pathsep.join((str(ROOT / "src"), *sys.path))
        environment = {"NOFREELUNCH_JOBS": "2", "PYTHONPATH": paths} | environment
        command = [sys.executable, "-m", "nofreelunch", "farm", *arguments]
        return subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    start.params = params
    return start


def stages(own, params, embedders=CELLS):
    """What the stages write."""
    for embedder in embedders:
        own.run(params, "embed", "initialize", "active_learn", embedder=embedder)
    found = {path: path.read_bytes() for path in Path("data").rglob("*.*")}
    return {path: content for path, content in found.items() if path.parts[1] in ("embeddings", "pools", "runs")}


def entries():
    found = [path for path in Path("memo").glob("??/*") if not path.name.startswith(".")]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_stages_only_assemble_what_the_farm_computed(farm, own, monkeypatch, capsys):
    running = farm()
    out, err = running.communicate()
    assert running.returncode == 0, err
    assert out == "2 cells: 32 of 32 runs computed; 'dvc repro' now only assembles\n"
    assert "active learning: 32 of 32 runs" in err
    assert [*Path("data").iterdir()] == [Path("data/tasks")]

    filled = entries()
    farmed = stages(own, farm.params)
    assert capsys.readouterr().out.count("0 of 16 runs computed") == 2
    assert entries() == filled
    monkeypatch.setenv("NOFREELUNCH_CACHE", "other")
    plain = stages(own, farm.params)
    assert capsys.readouterr().out.count("16 of 16 runs computed") == 2
    assert len(plain) == 22
    assert {p: plain[p] for p in plain if p.suffix != ".json"} == {p: farmed[p] for p in farmed if p.suffix != ".json"}
    assert {path.name for path in Path("other").glob("??/*")} == filled.keys()


def test_a_killed_farm_goes_on_where_it_was(farm):
    running = farm("--embedders", "vectors")
    while len(entries()) < POOLS + 1 + 1 + BLOCK_RUNS and running.poll() is None:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    kept = entries()
    again = farm("--embedders", "vectors")
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert out == f"1 cells: {ALL - len(kept)} of 16 runs computed; 'dvc repro' now only assembles\n"
    after = entries()
    assert {name: after[name] for name in kept} == kept
    assert len(after) == ALL
    assert not [*Path("memo").rglob("*.tmp")]


def test_what_is_missing_or_unknown_is_said(farm):
    for arguments, message in (
        (("--datasets", "owm"), "error: unknown dataset of the grid 'owm'. Did you mean 'own'?"),
        (("--embedders", "lsb"), "error: unknown embedder of the grid 'lsb'. Did you mean 'lsa'?"),
    ):
        running = farm(*arguments)
        assert running.communicate()[1].startswith(message)
        assert running.returncode == 1
    Path("data/tasks/own/train.parquet").unlink()
    running = farm()
    assert "the texts of own are not there. Run 'dvc repro download' first." in running.communicate()[1]
    assert not Path("memo").exists()


def test_a_pulled_embedding_needs_no_texts(farm, own, capsys):
    own.run(farm.params, "embed")
    for path in Path("data/tasks/own").iterdir():
        path.unlink()
    running = farm("--embedders", "vectors", "--only", "runs")
    assert "16 of 16 runs computed" in running.communicate()[0]
    own.run(farm.params, "initialize", "active_learn")
    assert "0 of 16 runs computed" in capsys.readouterr().out


SRUN = """#!/usr/bin/env bash
trap 'kill $(jobs -p)' TERM
for ((task = 0; task < SLURM_NTASKS; task++)); do "$@" & done
wait
"""


def test_the_slurm_script_is_sound():
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", SCRIPT], check=True)


def test_the_slurm_script_embeds_and_runs_what_the_stages_then_assemble(farm, own, tmp_path, monkeypatch, capsys):
    """For real but for Slurm: in its place, tasks are processes of this machine."""
    pytest.importorskip("distributed")
    from tiny_models import save_sentence_model

    model = {"kind": "transformer", "hub": str(save_sentence_model(tmp_path / "model")), "max_tokens": 16}
    params = own.params(
        grid=GRID | {"embedders": ["tiny"], "seeds": 1}, focus={"embedder": "tiny"}, embedders={"tiny": model}
    )
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
    with pytest.raises(UserError, match=r"own is not embedded by tiny\. Run '.* farm --only embed'"):
        Farm(params, ["own"], ["tiny"], Memo.default()).run()

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/srun").write_text(SRUN)
    (tmp_path / "bin/srun").chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join((str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), *sys.path)),
        "SLURM_NTASKS": "2",
        "SLURM_SUBMIT_DIR": str(tmp_path),
    }
    done = subprocess.run(["bash", SCRIPT], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "embeddings: 460 of 460 texts" in done.stderr
    assert "8 of 8 runs computed" in done.stdout
    assert not list(tmp_path.glob("memo/slurm*"))
    filled = entries()
    farmed = stages(own, params, ["tiny"])
    assert "0 of 8 runs computed" in capsys.readouterr().out
    assert entries() == filled
    monkeypatch.setenv("NOFREELUNCH_CACHE", "other")
    plain = stages(own, params, ["tiny"])
    assert {p: plain[p] for p in plain if p.suffix != ".json"} == {p: farmed[p] for p in farmed if p.suffix != ".json"}
