"""An object store that declines, breaks off or is not there: told in plain words, without the key or its secret."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest

from posthouse.manage.backup.place import Place, PlaceError, open_place

NAME = "objects/ab/ab" + "0" * 62


class Store(http.server.BaseHTTPRequestHandler):
    """Answers everything with ``status``; a 200 promises more than it gives."""

    protocol_version = "HTTP/1.1"
    status = 403

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(self.status)
        broken = self.status == 200
        for name, value in (("etag", '"x"'), ("last-modified", "Mon, 05 Oct 2026 10:00:00 GMT")):
            self.send_header(name, value)
        self.send_header("content-length", "1000" if broken else "0")
        self.end_headers()
        if broken and self.command != "HEAD":
            self.wfile.write(b"x" * 10)
        self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _answer  # noqa: N815 - the library's names


@pytest.fixture
def store() -> Iterator[Place]:
    pytest.importorskip("obstore")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield place(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def place(endpoint: str) -> Place:
    return open_place("s3://bucket/x", endpoint=endpoint, region="", key_id="AKID", secret_key="S3CRET")


def told(act: Callable[[], object]) -> str:
    with pytest.raises(PlaceError) as error:
        act()
    for hidden in ("AKID", "S3CRET", "127.0.0.1", "\n"):
        assert hidden not in error.value.what
    return error.value.what


@pytest.mark.parametrize(
    ("status", "words"), [(403, "declines the access key"), (401, "declines the access key"), (400, "400")]
)
def test_what_the_store_declines(
    store: Place, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    """Each request says so, and none is taken for a file that is not there."""
    monkeypatch.setattr(Store, "status", status)
    for act in (
        lambda: store.put(NAME, [b"x"]),
        lambda: list(store.get(NAME)),
        lambda: list(store.names("objects")),
        lambda: store.delete(NAME),
    ):
        assert words in told(act)


def test_what_breaks_off(store: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than was promised is not a shorter file."""
    monkeypatch.setattr(Store, "status", 200)
    told(lambda: list(store.get(NAME)))
    told(lambda: list(store.names("objects")))


def test_nobody_answers() -> None:
    """The port is closed."""
    pytest.importorskip("obstore")
    assert "cannot be reached" in told(lambda: place("http://127.0.0.1:1").size("posthouse-backup.json"))
