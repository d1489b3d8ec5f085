"""A model from a hub on the loopback that answers as the real one does, by the real client library."""

import pytest
from huggingface_hub import constants

from nofreelunch.base.errors import UserError
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_files import ALLOW_REMOTE_CODE, locate


def entry(hub="me/tiny-bert", **more):
    return Transformer(kind="transformer", hub=hub, **more)


def test_the_newest_commit_is_fetched_and_named(hub, model):
    revision, _ = model
    found = locate(entry())
    assert (found.source, found.revision) == ("hub", revision)


def test_a_pinned_commit_is_fetched_even_if_there_is_a_newer_one(hub, model):
    revision, _ = model
    hub.commit("model", "me/tiny-bert", {"config.json": b"{}"})
    assert locate(entry(revision=revision)).revision == revision


def test_neither_pickle_nor_code_nor_other_formats_are_fetched(hub, model, tmp_path, monkeypatch):
    more = {"pytorch_model.bin": b"!", "own.py": b"!", "onnx/model.safetensors": b"!", "tf_model.h5": b"!"}
    for name, content in more.items():
        (tmp_path / "model" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)
    revision = hub.commit("model", "me/tiny-bert", tmp_path / "model")
    folder = locate(entry(revision=revision)).folder
    assert not {path.relative_to(folder).as_posix() for path in folder.rglob("*")} & set(more)
    monkeypatch.setenv(ALLOW_REMOTE_CODE, "1")
    folder = locate(entry(revision=revision, remote_code=True)).folder
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*")} & set(more) == {"own.py"}


def test_failures_that_pass_are_waited_out(hub, model, capsys):
    hub.failures = 2
    assert locate(entry()).revision == model[0]
    assert capsys.readouterr().err.count("trying again") == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hub": "me/tiny-bart"}, "has no model 'me/tiny-bart', or it is private"),
        ({"hub": "./models/absent"}, "is no hub id .* nor a folder on this machine"),
        ({"revision": "v9"}, "has no revision 'v9'"),
    ],
)
def test_a_wrong_entry_is_explained(hub, model, changes, message):
    with pytest.raises(UserError, match=message):
        locate(entry(**changes))


def test_a_gated_model_says_how_to_get_access(hub, model, monkeypatch):
    hub.gate("model", "me/tiny-bert", "hf_good")
    with pytest.raises(
        UserError, match=r"gated and there is no token. Accept its licence at http://127.*/me/tiny-bert"
    ):
        locate(entry())
    monkeypatch.setenv("HF_TOKEN", "hf_bad")
    with pytest.raises(UserError, match="gated and your token has no access"):
        locate(entry())
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert locate(entry()).revision == model[0]


def test_a_hub_that_is_down_is_named_but_the_cache_still_serves(hub, model):
    locate(entry())
    hub.stop()
    assert locate(entry()).revision == model[0]
    with pytest.raises(UserError, match=r"cannot download me/other: the hub at http.* local folder needs no hub"):
        locate(entry("me/other"))


def test_offline_mode_serves_the_cache_only(hub, model, monkeypatch):
    locate(entry())
    asked = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert locate(entry()).revision == model[0]
    with pytest.raises(UserError, match=r"HF_HUB_OFFLINE is set and the local cache .* lacks me/other"):
        locate(entry("me/other"))
    assert len(hub.requests) == asked
