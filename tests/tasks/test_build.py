import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.tasks import build
from nofreelunch.tasks.spec import FilesTask, HubTask


def test_the_source_decides_who_builds(tmp_path, monkeypatch):
    path = tmp_path / "own.csv"
    path.write_text("text,label\na,x\nb,x\nc,y\nd,y\n")
    monkeypatch.setenv("NOFREELUNCH_DATA_ROOT", str(tmp_path))
    assert build.build_task(FilesTask(source="files", train_file=str(path)), "own").class_names == ("x", "y")
    with pytest.raises(UserError, match="local mirror"):
        build.build_task(HubTask(source="hub", hub="me/tiny"), "tiny")


def test_what_cannot_be_learned_is_refused_whatever_the_source(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("text,label\na,x\nb,x\n")
    with pytest.raises(UserError, match="every train row has the class 'x'"):
        build.build_task(FilesTask(source="files", train_file=str(path)), "own")
