import pickle
import subprocess
import sys

import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.base.outside import find

STRATEGY = "import numpy as np\n\n\ndef select(query):\n    return 1 / 0\n"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text=STRATEGY):
        (tmp_path / "mine.py").write_text(text, encoding="utf-8")
        return find("mine.py")

    return write


def test_a_file_gives_its_object_and_its_text_travels_without_it(file, tmp_path):
    outside = file("def select(query):\n    return 41\n\n\nother = 42\n")
    assert outside.load()(None) == 41
    assert find("mine.py:other").load() == 42
    (tmp_path / "mine.py").unlink()
    script = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).load()(None))"
    there = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(outside), capture_output=True, check=True)
    assert there.stdout == b"41\n"


def test_its_digest_is_that_of_its_text(file):
    one, same, other = file(), file(), file(STRATEGY + "# another\n")
    assert one == same
    assert one.digest != other.digest
    assert one.load() is not other.load()


def test_tracebacks_name_the_users_file_and_line(file):
    with pytest.raises(ZeroDivisionError) as caught:
        file().load()(None)
    last = caught.traceback[-1]
    assert (str(last.path).endswith("mine.py"), last.lineno + 1) == (True, 5)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("absent.py", "'absent.py' cannot be read: No such file"),
        ("mine.py:selct", "Did you mean 'select'"),
        ("no_such_package.strategies:select", "cannot be imported: ModuleNotFoundError"),
        ("json:lods", "Did you mean 'loads'"),
    ],
)
def test_what_is_not_there_is_one_message(file, where, message):
    file()
    with pytest.raises(UserError, match=message):
        find(where).load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def select(:\n", "SyntaxError: .*line 1"),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("raise RuntimeError('at import')\n", "RuntimeError: at import"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_message_each_time(file, text, message):
    outside = file(text)
    for _ in range(2):
        with pytest.raises(UserError, match=message):
            outside.load()


def test_an_installed_object_is_found_by_its_import_path():
    outside = find("sklearn.dummy:DummyClassifier")
    assert outside.load().__name__ == "DummyClassifier"
    assert outside.text is None
    assert outside.digest != find("sklearn.base:BaseEstimator").digest


@pytest.mark.parametrize(
    "line", ["import helper", "from helper import more", "    import helper.deep", "from . import helper"]
)
@pytest.mark.parametrize("at_hand", [True, False])
def test_a_module_beside_the_file_is_refused(file, tmp_path, monkeypatch, line, at_hand):
    (tmp_path / "helper.py").write_text("more = 1\n")
    if at_hand:
        monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UserError, match=r"'mine\.py' imports '.*helper.*', which lies beside it: .* package\.module:name"
    ):
        file(f"def select(query):\n    pass\n{line}\n" if line[0] != " " else f"def select(query):\n{line}\n")


def test_what_lies_beside_the_file_and_is_not_imported_from_there_is_no_matter(file, tmp_path):
    (tmp_path / "json.py").write_text("")
    (tmp_path / "numpy").mkdir()
    assert file("import json\nimport numpy\n\n\ndef select(query):\n    return json.loads('4')\n").load()(None) == 4


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "site" / "house_of_al"
    (folder / "deep").mkdir(parents=True)
    files = {
        "__init__.py": "",
        "strategies.py": "from .deep import rank\n\n\ndef select(query):\n    from house_of_al import late\n",
        "deep/__init__.py": "from ..common import one\n\nrank = 1\n",
        "common.py": "import numpy\n\none = 1\n",
        "late.py": "",
        "other.py": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield folder
    for name in [name for name in sys.modules if name.startswith("house_of_al")]:
        del sys.modules[name]


def test_a_package_without_a_release_changes_with_each_of_its_modules_that_is_imported(package):
    before = find("house_of_al.strategies:select")
    names = {str(path.relative_to(package)) for path in before.files}
    assert names == {"__init__.py", "strategies.py", "deep/__init__.py", "common.py", "late.py"}
    (package / "other.py").write_text("changed = 1\n")
    assert find("house_of_al.strategies:select").digest == before.digest
    (package / "common.py").write_text("one = 2\n")
    assert find("house_of_al.strategies:select").digest != before.digest


def test_the_release_of_an_installed_package_stands_for_its_other_modules(package):
    info = package.parent / "house_of_al-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-of-al\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("house_of_al\n")
    (info / "RECORD").write_text(
        "house_of_al/strategies.py,,\nhouse_of_al/common.py,,\nhouse_of_al-1.0.dist-info/METADATA,,\n"
    )
    before = find("house_of_al.strategies:select")
    assert {path.name for path in before.files} == {"strategies.py", "METADATA"}
    (package / "common.py").write_text("one = 2\n")
    assert find("house_of_al.strategies:select").digest == before.digest
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-of-al\nVersion: 1.1\n")
    assert find("house_of_al.strategies:select").digest != before.digest
