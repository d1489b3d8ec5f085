"""The stages of the DVC pipeline: each parses its names, calls the library, and writes.

They run the library beside them, whatever copy of it is installed: DVC watches the files of this folder, so that a
queued experiment, a git worktree or a clone in another one's environment must compute with them, too.
"""

import os
import sys
from pathlib import Path

_SOURCE = str(Path(__file__).resolve().parents[1] / "src")
if Path(_SOURCE, "nofreelunch").is_dir():
    sys.path.insert(0, _SOURCE)
    # For worker processes.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_SOURCE, os.environ.get("PYTHONPATH"))))
