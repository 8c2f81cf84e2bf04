"""An authority that says when to renew (ARI, RFC 9773): Pebble's directory with a renewalInfo of our own in it."""

from __future__ import annotations

import datetime
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pebble import Pebble


class RenewalInfo:
    """``window`` answers with begin and end (seconds from now) for the name of a certificate. ``asked`` holds the
    names in the order in which they were asked for."""

    def __init__(self, pebble: Pebble, window: Callable[[str], tuple[float, float]]) -> None:
        self._pebble = pebble
        self._window = window
        self.asked: list[str] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(double._answer(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", "21600")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *values: Any) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pebble.folder / "own.pem", pebble.folder / "own.key")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def directory(self) -> str:
        """The directory's URL."""
        return f"https://127.0.0.1:{self._server.server_address[1]}/dir"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str) -> dict[str, Any]:
        if path == "/dir":
            trust = urllib.request.HTTPSHandler(
                context=ssl.create_default_context(cafile=str(self._pebble.ca_file))
            )
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
            with opener.open(self._pebble.directory, timeout=10) as answer:
                directory: dict[str, Any] = json.load(answer)
            return {**directory, "renewalInfo": self.directory.removesuffix("dir") + "renewal-info"}
        name = path.rpartition("/")[2]
        begin, end = (_text(time.time() + seconds) for seconds in self._window(name))
        self.asked.append(name)
        return {"suggestedWindow": {"start": begin, "end": end}, "explanationURL": "https://ca.test/why"}


def _text(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat().replace("+00:00", "Z")
