"""The control socket of a running server: the uses as newline-delimited JSON.

One request line, ``{"protocol": 1, "use": NAME, "parameters": {...}}``; then any number of ``{"emit":
value}`` lines and one ``{"result": ...}`` or ``{"error": {"kind", "what", "mend", "problems"}}``. A
connection carries requests one after another.

On Unix the socket lies in the data folder with mode 0600, and the kernel says who connected: root and the
server's own user may. Elsewhere it is a loopback port, and each request carries the token of a file that
only the server's user reads.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import socket
import struct
import sys
from typing import Any

import msgspec

from posthouse.manage import all as _all  # noqa: F401 - registers every use
from posthouse.manage.address import HAS_UNIX, MAX_REQUEST, PROTOCOL, ShortPath, control_path, token_path
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Private, perform
from posthouse.net.closing import close_servers
from posthouse.observe.log import logger

log = logger("manage.control")

MAX_CLIENTS = 32
REQUEST_SECONDS = 60.0
"""How long a client may sit between requests, or take to send one."""
WRITE_SECONDS = 60.0
CLOSE_SECONDS = 3.0


class Request(Private, frozen=True):
    """One request line."""

    use: str
    protocol: int
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    token: str = ""


class ControlServer:
    """Serves the uses of one context. ``start`` once, ``close`` once; both in the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[Any]] = set()
        self._token = ""
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Request)

    async def start(self) -> None:
        """Begin to listen. The caller holds the data-folder lock, so a socket that is there already is a
        dead one's."""
        config = self._context.config
        if HAS_UNIX:
            path = control_path(config.data, config.control)
            listener = _unix_listener(path)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_REQUEST)
            return
        self._token = secrets.token_urlsafe(32)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_REQUEST)
        port = self._server.sockets[0].getsockname()[1]
        _write_private(token_path(config.data), f"{port} {self._token}\n")

    async def close(self) -> None:
        """Stop listening, give running requests a moment, end the rest, remove the socket."""
        if self._server is None:
            return
        await close_servers([self._server])
        await asyncio.sleep(0.01)  # a connection just accepted has its task by then
        if self._clients:
            await asyncio.wait(self._clients, timeout=CLOSE_SECONDS)
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=CLOSE_SECONDS)
        config = self._context.config
        path = control_path(config.data, config.control) if HAS_UNIX else token_path(config.data)
        path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # close() ended us; asyncio.streams would only log a cancellation of its own callback
        except Exception:
            log.exception("control.failed")
        finally:
            await _close(writer)
            self._clients.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        actor = self._admit(writer)
        crowded = len(self._clients) > MAX_CLIENTS
        while True:
            # A refusal comes after the request was read: closing on unread bytes would reset the connection,
            # and the client might never see the reason.
            try:
                line = await asyncio.wait_for(reader.readuntil(b"\n"), REQUEST_SECONDS)
            except asyncio.LimitOverrunError:
                await self._send(writer, _error("invalid", "The request is too large.", "Send it in parts."))
                return
            if actor is None:
                await self._send(writer, _error("refused", "You may not control this server.", _WHO))
                return
            if crowded:
                what = "Too many commands run at once."
                await self._send(writer, _error("unavailable", what, "Try again in a moment."))
                return
            await self._send(writer, await self._answer(line, actor, writer))

    def _admit(self, writer: asyncio.StreamWriter) -> Actor | None:
        if not HAS_UNIX:
            return Actor("the holder of the token", "control port")
        uid = _peer_uid(writer.get_extra_info("socket"))
        if uid is None:  # the kernel cannot tell; the socket's mode lets nobody else in
            uid = os.geteuid()
        if uid not in (0, os.geteuid()):
            log.warning("control.refused", uid=uid)
            return None
        return Actor(user_name(uid), "control socket")

    async def _answer(self, line: bytes, actor: Actor, writer: asyncio.StreamWriter) -> dict[str, Any]:
        try:
            request = self._decoder.decode(line)
        except msgspec.DecodeError as error:
            return _error("invalid", f"The request is not understood: {error}.", _SAME_VERSION)
        if request.protocol != PROTOCOL:
            return _error(
                "invalid", f"Control protocol {request.protocol} is not spoken here.", _SAME_VERSION
            )
        if not HAS_UNIX and not hmac.compare_digest(request.token.encode(), self._token.encode()):
            return _error("refused", "The control token is wrong.", _WHO)

        async def emit(value: Any) -> None:
            await self._send(writer, {"emit": value})

        try:
            return {"result": await perform(self._context, actor, request.use, request.parameters, emit)}
        except ManageError as error:
            return _error(error.kind, error.what, error.mend, error.problems)

    async def _send(self, writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
        writer.write(self._encoder.encode(answer) + b"\n")
        await asyncio.wait_for(writer.drain(), WRITE_SECONDS)


_WHO = "Run the command as root or as the user the server runs as."
_SAME_VERSION = "Use the posthouse command of the server's own version."


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is left and close; a client that does not read is cut off."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), CLOSE_SECONDS)
    except (OSError, TimeoutError):
        writer.transport.abort()


def _error(kind: str, what: str, mend: str, problems: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"error": {"kind": kind, "what": what, "mend": mend, "problems": problems}}


def _unix_listener(path: Any) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode is set by umask, not afterwards: between bind and chmod anybody could connect.
    before = os.umask(0o177)
    try:
        with ShortPath(path) as name:
            listener.bind(name)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener


def _peer_uid(connection: Any) -> int | None:
    """The user id at the other end, by the kernel's word; None where the kernel gives none."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[1])
    if sys.platform == "darwin" or "bsd" in sys.platform:
        raw = connection.getsockopt(0, 1, 76)  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred, version then uid
        return int(struct.unpack("2I", raw[:8])[1])
    return None


def user_name(uid: int) -> str:
    """``uid 0 (root)``, for the audit."""
    try:
        import pwd

        return f"uid {uid} ({pwd.getpwuid(uid).pw_name})"
    except (ImportError, KeyError):
        return f"uid {uid}"


def _write_private(path: Any, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
