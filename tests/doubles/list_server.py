"""A place that publishes lists of networks, on loopback: it knows what it was asked; it can be slow, huge, broken."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Listed:
    """What is at a path. ``status`` other than 200 is answered with ``body`` as it is; ``pause`` seconds pass between
    the head and each piece; ``to`` redirects; ``encoding`` is claimed of the body."""

    body: bytes = b""
    status: int = 200
    pause: float = 0.0
    to: str = ""
    encoding: str = ""
    etags: bool = True
    endless: bool = False


@dataclass
class ListServer:
    """Use as a context manager; ``paths`` may be changed at any time. ``asked``: path, headers and the answer's
    status of each request."""

    paths: dict[str, Listed] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], int]] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> ListServer:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served._answer(self)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str) -> str:
        """Where a path is."""
        return f"http://127.0.0.1:{self.port}{path}"

    def statuses(self, path: str) -> list[int]:
        """What was answered at a path, in order."""
        return [status for asked, _, status in list(self.asked) if asked == path]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        there = self.paths.get(handler.path, Listed(b"not here", 404))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        etag = f'"{hashlib.sha256(there.body).hexdigest()[:16]}"'
        status = 302 if there.to else there.status
        if status == 200 and there.etags and headers.get("if-none-match") == etag:
            status = 304
        self.asked.append((handler.path, headers, status))
        handler.send_response(status)
        if there.to:
            handler.send_header("Location", there.to)
        if there.etags and status in (200, 304):
            handler.send_header("ETag", etag)
        if there.encoding:
            handler.send_header("Content-Encoding", there.encoding)
        handler.end_headers()
        if status == 304:
            return
        try:
            while there.endless:
                handler.wfile.write(b"192.0.2.1\n" * 10_000)
            for at in range(0, len(there.body), 1 + len(there.body) // 4):
                time.sleep(there.pause)
                handler.wfile.write(there.body[at : at + 1 + len(there.body) // 4])
        except OSError:
            pass  # whoever asked did not wait
