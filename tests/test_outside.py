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
