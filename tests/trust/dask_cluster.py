"""A real Dask scheduler and real workers as processes of their own, on loopback."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def can_hide_folders():
    """Whether this user may make a mount namespace."""
    return subprocess.run([*HIDING, "true"], capture_output=True, check=False).returncode == 0


HIDING = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


class DaskCluster:
    """A scheduler that forgives a piece the loss of one worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen] = []
        self.scheduler = self._start("scheduler", ["--host", "127.0.0.1", "--port", "0"])

    def worker(self, *options: str, hidden: Path | None = None, source: Path = ROOT / "src") -> subprocess.Popen:
        """Start a worker in a folder of its own; it sees nothing of what is in ``hidden``."""
        options = options or ("--nthreads", "1")
        more = ["--no-nanny", "--memory-limit", "0", "--local-directory", str(self.folder / "spill")]
        return self._start("worker", [*options, *more], hidden, source)

    def _start(self, kind, options, hidden=None, source=ROOT / "src"):
        cli = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(self.file)]
        command = [*cli, "--no-dashboard", *options]
        if hidden is not None:
            script = f"mount -t tmpfs tmpfs {shlex.quote(str(hidden))} && exec {shlex.join(command)}"
            command = [*HIDING, "sh", "-c", script]
        folder = Path(tempfile.mkdtemp(prefix=kind, dir=self.folder))
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(source), str(ROOT / "tests/trust"), *sys.path)),
            "OMP_NUM_THREADS": "1",
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        }
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def address(self) -> str:
        """Of the scheduler, once it is there."""
        while not self.file.exists():
            assert self.scheduler.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)
        return json.loads(self.file.read_text())["address"]

    def wait_for(self, workers: int) -> None:
        """Until so many workers are there."""
        from distributed import Client

        with Client(self.address(), timeout=60, set_as_default=False) as client:
            while len(client.nthreads()) != workers:
                assert not [p for p in self.processes if p.poll()], (self.folder / "log").read_text()
                time.sleep(0.02)

    def close(self) -> None:
        """Kill whatever is left."""
        for process in self.processes:
            process.kill()
            process.wait()
