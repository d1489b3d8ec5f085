"""No stored code is ever run: no pickle, no eval, no shell, no foreign code but by opt-in; every version is pinned."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from nofreelunch import params
from nofreelunch.base.errors import UserError

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").rglob("*.py")])
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
CALLS = {
    "eval", "exec", "compile", "os.system", "os.popen", "joblib.load", "joblib.dump", "torch.load", "torch.save",
    "pd.read_pickle", "pandas.read_pickle", "yaml.unsafe_load", "yaml.full_load",
}  # fmt: skip


def offences(source):
    """What in ``source`` could run code that came as data."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"import {name}" for name in names if name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            name, options = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name in CALLS or name.endswith(".to_pickle"):
                yield name
            if name == "yaml.load" and [ast.unparse(argument) for argument in node.args[1:]] != ["_UniqueKeys"]:
                yield name
            if name in ("np.load", "np.save") and options.get("allow_pickle") != "False":
                yield name
            yield from (word for word in ("shell", "trust_remote_code") if options.get(word, "False") != "False")


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import load", "eval('1')", "os.system('ls')", "np.load(f)",
        "np.load(f, allow_pickle=True)", "torch.load(f)", "subprocess.run('ls', shell=True)",
        "yaml.load(f, yaml.Loader)",
        "f(trust_remote_code=True)",
    ],
)  # fmt: skip
def test_offences_are_seen(source):
    assert list(offences(source))


def test_no_source_runs_code_that_came_as_data():
    found = {path.relative_to(ROOT).as_posix(): list(offences(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert len(found) > 100
    # Only what the entry says and the user allows: see test_model_files.py.
    assert {name: what for name, what in found.items() if what} == {
        "src/nofreelunch/embedders/adapter.py": ["trust_remote_code"],
        "src/nofreelunch/embedders/text_tokens.py": ["trust_remote_code"],
        # Messages to worker processes of the same run, as multiprocessing sends them; never a file.
        "src/nofreelunch/compute/parcels.py": ["import pickle"],
    }
    for name in ("adapter", "text_tokens"):
        assert "trust_remote_code=settings.remote_code" in (ROOT / f"src/nofreelunch/embedders/{name}.py").read_text()


NAMES = [
    "../x",
    "/etc",
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a b",
    "a;b",
    "$(a)",
    "a\n",
    "a@b",
    "a-b",
    "A",
    "é",
    "_a",
    "a__b",
    "a.b",
    "a" * 65,
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", ["datasets", "embedders"])
def test_names_that_leave_their_folder_or_mean_something_to_a_shell_are_refused(axis, name):
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content[axis][name] = next(iter(content[axis].values()))
    content["grid"][axis].append(name)
    with pytest.raises(UserError, match=axis):
        params.checked(content, Path("params.yaml"))


def test_every_requirement_is_pinned_once():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in wanted)
    names = [re.sub("[-_.]+", "-", line.partition("==")[0]).lower() for line in wanted]
    assert len(set(names)) == len(names)
