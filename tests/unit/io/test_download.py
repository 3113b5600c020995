"""Weights files are found or downloaded, and always checked."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import helpers
import pytest

from posegaussian.errors import DetectorError
from posegaussian.io.download import ensure_file

CONTENT = bytes(range(256)) * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/weights" else CONTENT[:1000])

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("sha256", [SHA256, SHA256[:8].upper()])
def test_downloads_once(server, tmp_path, sha256):
    path = tmp_path / "new" / "weights.pth"
    assert ensure_file(path, f"{server}/weights", sha256) == path
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["weights.pth"]
    ensure_file(path, "http://127.0.0.1:1/never-asked", sha256)


@pytest.mark.parametrize(
    ("page", "code"),
    [("weights", "wrong-digest"), ("cut", "wrong-digest"), ("missing", "weights-download-failed")],
)
def test_a_bad_download_leaves_nothing(server, tmp_path, page, code):
    path = tmp_path / "weights.pth"
    with helpers.refuses(DetectorError, code) as caught:
        ensure_file(path, f"{server}/{page}", "00000000")
    assert f"{server}/{page}" in str(caught.value)
    assert str(path) in str(caught.value.hint)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/weights.pth", "not a url"])
def test_offline_says_where_from_and_where_to(tmp_path, url):
    path = tmp_path / "weights.pth"
    with helpers.refuses(DetectorError, "weights-download-failed") as caught:
        ensure_file(path, url, SHA256)
    assert url in str(caught.value)
    assert str(path) in str(caught.value.hint)


def test_a_file_that_is_there_is_checked_too(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    with helpers.refuses(DetectorError, "wrong-digest", file=path):
        ensure_file(path, None, SHA256)


def test_without_url_the_file_must_be_there(tmp_path):
    with helpers.refuses(DetectorError, "missing-detector-weights", file="weights.pth"):
        ensure_file(tmp_path / "weights.pth", None, None)


def test_an_unchecked_download_is_refused(server, tmp_path):
    with helpers.refuses(DetectorError, "missing-digest", file="weights.pth"):
        ensure_file(tmp_path / "weights.pth", f"{server}/weights", None)
