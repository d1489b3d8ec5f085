"""The real client library against a hub on this machine that answers with the statuses of the real one."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import constants

from nofreelunch.embedders.hub import download
from nofreelunch.errors import UserError


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """Sets the status and the error code that the hub answers with."""
    state = {"status": 404, "code": ""}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(state["status"])
            self.send_header("X-Error-Code", state["code"])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield lambda status, code: state.update(status=status, code=code)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "RepoNotFound", "the hub has no model 'owner/model'"),
        (404, "RevisionNotFound", "has no revision 'v9'"),
        (403, "GatedRepo", "accept its licence at https://huggingface.co/owner/model"),
        (500, "", "cannot download owner/model"),
    ],
)
def test_each_refusal_says_what_to_do(answers, status, code, message):
    answers(status, code)
    with pytest.raises(UserError, match=message):
        download("owner/model", "v9", False)


def test_hub_down(answers, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="hub cannot be reached"):
        download("owner/model", None, False)


def test_offline_mode(answers, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set"):
        download("owner/model", None, False)


def test_neither_an_id_nor_a_folder(answers):
    with pytest.raises(UserError, match="neither a hub id"):
        download("./models/absent", None, False)
