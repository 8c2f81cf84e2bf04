"""A receiver of webhooks on loopback, which checks signatures with code of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[int], tuple[int, dict[str, str], bytes]]
"""From the number of the request (0 first) to status, headers and body of the answer."""


def taken(number: int) -> tuple[int, dict[str, str], bytes]:
    """What a receiver that is well answers."""
    return 204, {}, b""


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The Webhook-Id."""
        return self.headers["webhook-id"]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in the body."""
        found: list[dict[str, Any]] = json.loads(self.body)["events"]
        return found

    def is_signed_with(self, secret: str) -> bool:
        """As Standard Webhooks says: the key is base64 behind the prefix; five minutes are tolerated."""
        moment = self.headers["webhook-timestamp"]
        key = base64.b64decode(secret.split("_", 1)[1])
        text = b".".join([self.id.encode(), moment.encode(), self.body])
        wanted = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        given = [each.partition(",")[2] for each in self.headers["webhook-signature"].split()]
        return wanted in given and abs(time.time() - int(moment)) < 300


@dataclass
class Receiver:
    """Use as a context manager. ``hold`` keeps every answer back while it is not set."""

    port: int = 0
    reply: Reply = taken
    context: ssl.SSLContext | None = None
    got: list[Received] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                number = len(receiver.got)
                receiver.got.append(Received(self.path, headers, body))
                receiver.hold.wait(60)
                status, further, answer = receiver.reply(number)
                try:
                    self.send_response(status)
                    for name, value in further.items():
                        self.send_header(name, value)
                    if "Content-Length" not in further:
                        self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True  # the sender did not wait

            def log_message(self, format: str, *arguments: Any) -> None:
                """Silent."""

        self.hold.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if self.context is not None:
            self._server.socket = self.context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}/hook?key=hidden"

    @property
    def kinds(self) -> list[str]:
        """The kinds of all events that came, in order."""
        return [event["kind"] for each in list(self.got) for event in each.events]
