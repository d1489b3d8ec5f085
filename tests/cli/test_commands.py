"""The commands as a user runs them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
CODE = os.pathsep.join((str(PROJECT / "src"), str(PROJECT)))


@pytest.fixture
def run(tmp_path):
    """Run ``python -m nofreelunch`` in a folder that holds params.yaml and dvc.yaml."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "nofreelunch", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    command.folder = tmp_path
    return command


def test_plan_of_the_whole_paper_grid(run):
    assert run("grid", "paper").returncode == 0
    done = run("plan", "--all")
    assert done.returncode == 0, done.stderr
    assert (
        "stages to run, at most: 10 download, 70 embed, 70 initialize, 70 active_learn, 1 aggregate, 1 plot, "
        "1 report" in done.stdout
    )
    assert "NOFREELUNCH_ALLOW_REMOTE_CODE" not in done.stdout
    assert "measured now:" in done.stdout


def test_plan_prices_a_fleet(run):
    done = run("plan", "--all", "--official", "--fleet", "0x8", "--fleet", "2x4", "--gpu-price", "3")
    assert done.returncode == 0, done.stderr
    stages = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.strip()}
    hours = float(stages["initialize"][0].replace(",", "")) + float(stages["active_learn"][0].replace(",", ""))
    assert float(stages["2"][2]) == pytest.approx(hours / 4, abs=0.02)
    assert float(stages["0"][2]) == pytest.approx(hours / 8, abs=0.02)
    assert "assumed: $3 for an hour of a GPU" in done.stdout
    wrong = run("plan", "--all", "--fleet", "8")
    assert wrong.returncode == 2
    assert "'8' is not GPUSxCORES" in wrong.stderr


def test_plan_without_a_dvc_project_says_what_to_do(run):
    done = run("plan")
    assert done.returncode == 1
    assert "'dvc status' failed" in done.stderr
    assert "--all" in done.stderr


def test_check_reads_a_changed_file_of_ones_own(run):
    own = run.folder / "own.csv"
    own.write_text("text,label\n" + "".join(f"t{i},{i % 2}\n" for i in range(200)))
    content = yaml.safe_load((run.folder / "params.yaml").read_text())
    content["datasets"]["own"] = {"source": "files", "train_file": "own.csv"}
    content["grid"]["datasets"] = ["own"]
    (run.folder / "params.yaml").write_text(yaml.safe_dump(content))
    environment = os.environ | {"PYTHONPATH": CODE}
    subprocess.run([sys.executable, "-m", "stages.download", "own"], cwd=run.folder, env=environment, check=True)
    assert "own: 200 rows read" in run("check").stdout
    own.write_text(own.read_text() + "new,1\n")
    assert "own: 201 rows read" in run("check").stdout


def test_list_and_errors(run):
    assert "banking77" in run("list").stdout
    (run.folder / "params.yaml").unlink()
    for command in (["check"], ["list"], ["plan"], ["grid", "paper"]):
        done = run(*command)
        assert done.returncode == 1
        assert done.stderr == "error: params.yaml is missing. Run from the folder that holds dvc.yaml.\n"
    assert "invalid choice: 'papr'" in run("grid", "papr").stderr
