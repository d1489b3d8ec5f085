"""A Hugging Face hub on the loopback: as much of its API as the unmodified client libraries need to read from it."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Repository:
    """Commits by their hash (path → content), refs by name, and the tokens that may read it (None: all may)."""

    commits: dict = field(default_factory=dict)
    refs: dict = field(default_factory=dict)
    readers: set | None = None


class LoopbackHub:
    """Serves repositories while its context is open.

    Attributes:
        url: what HF_ENDPOINT must be.
        failures: so many of the next requests are answered with 503.
        requests: paths of all requests so far.
    """

    def __init__(self):
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.failures = 0
        self.requests: list[str] = []

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Refuse connections from now on."""
        self.server.shutdown()
        self.server.server_close()

    def commit(self, kind, name, files, ref="main"):
        """Add a commit of ``files`` (path → bytes, or a folder) to the repository, and let ``ref`` point at it."""
        if isinstance(files, Path):
            files = {p.relative_to(files).as_posix(): p.read_bytes() for p in sorted(files.rglob("*")) if p.is_file()}
        content = hashlib.sha1(name.encode())
        for path in sorted(files):
            content.update(path.encode() + b"\0" + files[path])
        revision = content.hexdigest()
        repository = self.repositories.setdefault((kind, name), Repository())
        repository.commits[revision] = files
        repository.refs[ref] = revision
        return revision

    def gate(self, kind, name, *tokens):
        """Only bearers of ``tokens`` may read the repository."""
        self.repositories[kind, name].readers = set(tokens)


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer(body=b"")

    def do_HEAD(self):
        self._answer(body=b"")

    def do_POST(self):
        self._answer(body=self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body):
        self.hub.requests.append(self.path)
        if self.hub.failures > 0:
            self.hub.failures -= 1
            return self._send(503, b"out of order")
        parts = urlsplit(self.path)
        for pattern, answer in (
            (r"/api/(model|dataset)s/([^/]+/[^/]+)(?:/revision/([^/]+))?", self._info),
            (r"/api/(model|dataset)s/([^/]+/[^/]+)/tree/([^/]+)(?:/(.*))?", self._tree),
            (r"/api/(model|dataset)s/([^/]+/[^/]+)/paths-info/([^/]+)", self._paths),
            (r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._file),
        ):
            if found := re.fullmatch(pattern, parts.path):
                kind, name, revision, *rest = (unquote(group) if group else None for group in found.groups())
                kind = {"datasets/": "dataset", None: "model"}.get(kind, kind)
                files = self._files(kind, name, revision or "main")
                return files and answer(name, *files, *rest, query=parse_qs(parts.query), body=body)
        return self._send(404, b"", error="EntryNotFound")

    def _files(self, kind, name, revision):
        repository = self.hub.repositories.get((kind, name))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        if repository is None:
            return self._send(401 if token is None else 404, b"", error="RepoNotFound")
        if repository.readers is not None and token not in repository.readers:
            return self._send(401 if token is None else 403, b"", error="GatedRepo")
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            return self._send(404, b"", error="RevisionNotFound")
        return commit, repository.commits[commit]

    def _info(self, name, commit, files, **_):
        siblings = [{"rfilename": path} for path in files]
        self._json({"id": name, "_id": "0", "sha": commit, "private": False, "tags": [], "siblings": siblings})

    def _tree(self, name, commit, files, folder, query, **_):
        prefix = f"{folder}/" if folder else ""
        inside = [path for path in files if path.startswith(prefix)]
        if prefix and not inside:
            return self._send(404, b"", error="EntryNotFound")
        entries = {}
        for path in inside:
            steps = path.removeprefix(prefix).split("/")
            for depth in range(1, len(steps)):
                entries.setdefault(prefix + "/".join(steps[:depth]), {"type": "directory", "oid": "0" * 40, "size": 0})
            entries[path] = _file_entry(files[path])
        recursive = query.get("recursive", ["false"])[0].lower() == "true"
        shown = {path: entry for path, entry in entries.items() if recursive or "/" not in path.removeprefix(prefix)}
        self._json([{"path": path, **entry} for path, entry in shown.items()])

    def _paths(self, name, commit, files, body, **_):
        asked = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
        folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
        found = [{"path": path, **_file_entry(files[path])} for path in asked if path in files]
        found += [{"path": path, "type": "directory", "oid": "0" * 40, "size": 0} for path in asked if path in folders]
        self._json(found)

    def _file(self, name, commit, files, path, **_):
        if path not in files:
            return self._send(404, b"", error="EntryNotFound", commit=commit)
        return self._send(200, files[path], commit=commit, etag=_file_entry(files[path])["oid"])

    def _json(self, value):
        self._send(200, json.dumps(value).encode(), kind="application/json")

    def _send(self, status, content, error=None, commit=None, etag=None, kind="application/octet-stream"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for header, value in (("X-Error-Code", error), ("X-Repo-Commit", commit), ("ETag", etag and f'"{etag}"')):
            if value:
                self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _file_entry(content):
    return {"type": "file", "oid": hashlib.sha1(content).hexdigest(), "size": len(content)}
