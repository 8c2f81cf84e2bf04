"""One HTTP connection: the server's own connection (admission, PROXY header, TLS with the newest certificate,
deadlines, orderly stop) with uvicorn's HTTP/1.1 machine inside."""

from __future__ import annotations

import asyncio
import copy
import ssl
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from posthouse.http.doors import MAX_HEAD
from posthouse.http.hello import Hello, read_hello
from posthouse.http.parts import HttpParts
from posthouse.net.connection import Connection
from posthouse.settings import http as settings_http
from posthouse.settings.contract import CurrentSettings

READ_SECONDS = 60.0
"""How long a client may stop reading its answer."""

ACME_PROTOCOL = "acme-tls/1"


class Hosting:
    """What the connections of all HTTP listeners share: the application and the HTTP machine's configuration."""

    def __init__(self, app: Any, parts: HttpParts, settings: CurrentSettings) -> None:
        self.parts = parts
        self.settings = settings
        self.state = ServerState()
        self.config = Config(
            app=app,
            loop="none",
            http=Machine,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=max(1, round(settings.now[settings_http.KEEP_ALIVE])),
            h11_max_incomplete_event_size=MAX_HEAD,
        )
        self.config.load()

    async def close(self, seconds: float) -> None:
        """Wait for requests whose clients have gone, then end them: what they stand on is closed next."""
        tasks = set(self.state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def connection(self) -> HttpConnection:
        """A connection to come."""
        return HttpConnection(self)


class Machine(H11Protocol):
    """uvicorn's machine, telling the connection when an answer is complete."""

    owner: HttpConnection

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.owner.answered()

    def send_400_response(self, msg: str) -> None:
        self.owner.refuse(431 if "too long" in msg else 400, msg)

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.their_state is h11.ERROR and not self.transport.is_closing():
            self.transport.close()


class HttpConnection(Connection):
    """See the module. The machine sees this connection as its transport."""

    __slots__ = ("_hosting", "_machine", "_more", "_waiting_for")

    def __init__(self, hosting: Hosting) -> None:
        super().__init__()
        self._hosting = hosting
        self._machine: Machine | None = None
        self._waiting_for = ""
        self._more: asyncio.Future[None] | None = None

    # ------------------------------------------------------------------ Connection

    def opened(self) -> None:
        machine = Machine(self._hosting.config, self._hosting.state, {}, _loop=self._loop)
        machine.owner = self
        machine.connection_made(cast(asyncio.Transport, _Transport(self)))
        self._machine = machine
        self._expect()

    def received(self, data: bytes) -> None:
        if self._machine is not None:
            self._machine.data_received(data)
            self._expect()

    def peer_finished(self) -> None:
        machine = self._machine
        if machine is None or machine.cycle is None or machine.cycle.response_complete:
            self.close()
        elif machine.cycle.more_body or machine.scope["state"].get("streaming"):
            self.abort()  # it cannot complete its request, or will not read the stream any more
        else:
            machine.cycle.keep_alive = False

    def deadline(self) -> None:
        if self._waiting_for == "head" and self._machine is not None and self._machine.conn.trailing_data[0]:
            self.refuse(408, "The request was not sent in time.")
        else:
            self.abort()

    def going_down(self) -> None:
        self._hosting.parts.stopping.set()
        if self._machine is not None:
            self._machine.shutdown()
        else:
            self.close()

    def closed(self) -> None:
        if self._machine is not None:
            self._machine.connection_lost(None)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._machine is not None:
            self._machine.pause_writing()
        if not self._closed:
            self._waiting_for = "reader"
            self.set_deadline(READ_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._machine is not None:
            self._machine.resume_writing()
        self._expect()

    # ------------------------------------------------------------------ for the machine

    def answered(self) -> None:
        """The answer to one request is written."""
        self._waiting_for = ""
        self._expect()

    def refuse(self, status: int, text: str) -> None:
        """Answer what is no request, and close."""
        reason = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}[status]
        body = f"{text}\n".encode()
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        self.write(head.encode() + body)
        self.close()

    # ------------------------------------------------------------------ inside

    def _expect(self) -> None:
        """Arm the deadline for what the client owes us now. One that is running is left: a client that sends a byte
        now and then gains nothing."""
        machine = self._machine
        if machine is None or self._closed or self.choked:
            return
        cycle = machine.cycle
        now = self._hosting.settings.now
        if cycle is not None and not cycle.response_complete:
            wanted = "body" if cycle.more_body else "answer"
        else:
            wanted = "head"
        if wanted == self._waiting_for:
            return
        self._waiting_for = wanted
        if wanted == "answer":
            self.set_deadline(None)
        elif wanted == "body":
            self.set_deadline(now[settings_http.BODY_TIME])
        else:
            # Between two requests the machine's own keep-alive timer ends it earlier.
            idle = now[settings_http.KEEP_ALIVE] if cycle is not None else 0.0
            self.set_deadline(idle + now[settings_http.HEADER_TIME])

    async def _open_with_tls(self, already: bytes) -> None:
        if self._hosting.parts.acme_tls is not None:
            already, hello = await self._read_hello(already)
            self._answer_acme(hello)
        await super()._open_with_tls(already)

    async def _read_hello(self, already: bytes) -> tuple[bytes, Hello]:
        """Wait for the ClientHello before the handshake, as only it says for which protocol it is."""
        early = self._early = bytearray(already)
        limit = self._loop.time() + self.door.handshake_seconds
        while (hello := read_hello(bytes(early))) is None:
            seconds = limit - self._loop.time()
            if self._transport is None or self._transport.is_closing() or seconds <= 0:
                self.abort()
                raise ConnectionResetError("no ClientHello came")
            self._more = self._loop.create_future()
            await asyncio.wait({self._more}, timeout=seconds)
        return bytes(early), hello

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _answer_acme(self, hello: Hello) -> None:
        ask = self._hosting.parts.acme_tls
        if ask is None or ACME_PROTOCOL not in hello.protocols:
            return
        context = ask(hello.server_name)
        if context is not None:
            door = copy.copy(self.door)
            door.tls = _Fixed(context)
            self.door = door


class _Fixed:
    """TLS contexts of which there is one."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def server(self) -> ssl.SSLContext:
        return self._context


class _Transport:
    """A connection as the HTTP machine wants to see it."""

    def __init__(self, connection: HttpConnection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.write(data)

    def close(self) -> None:
        self._connection.close()

    def is_closing(self) -> bool:
        return self._connection.closing

    def pause_reading(self) -> None:
        self._connection.hold_reading(True)

    def resume_reading(self) -> None:
        self._connection.hold_reading(False)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        peer = self._connection.peer
        if name == "peername":
            return (peer.address, peer.port)
        if name == "sockname":
            return (peer.local_address, peer.local_port)
        if name == "sslcontext":
            return self._connection.tls
        return default
