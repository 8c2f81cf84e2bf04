"""The line to a remote: its replies in order, each with a deadline, and writing no faster than it reads.

An :class:`asyncio.Protocol` without tasks: a reply that has come already costs no turn of the event loop.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from typing import cast

from posthouse.net.deadline import Deadline
from posthouse.net.tls_memory import share_read_buffer
from posthouse.wire.smtp.client_reply import NotSmtp, Reply, ReplyParser

LEAVE_SECONDS = 2.0
"""How long a remote may take to answer QUIT."""

WRITE_BUFFER = 262144
SHUTDOWN_SECONDS = 2.0


class Gone(Exception):
    """The line is no good any more; the text says why. ``late``: a deadline passed."""

    def __init__(self, why: str, *, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


class Line(asyncio.Protocol):
    """One connection. ``owed`` counts the replies that the remote still has to give: it may not say more."""

    __slots__ = (
        "_choked",
        "_deadline",
        "_farewell",
        "_leaving",
        "_loop",
        "_lost",
        "_parser",
        "_replies",
        "_transport",
        "_waiter",
        "closed",
        "owed",
    )

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = ReplyParser()
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = Deadline(self._late)
        self._lost: Gone | None = None
        self._choked = False
        self._leaving = False
        self._farewell: Reply | None = None
        self.owed = 1  # the greeting
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the transport is gone."""

    # ------------------------------------------------------------------ what sessions call

    @property
    def alive(self) -> bool:
        """Whether nothing is known to be wrong, and the remote said nothing unasked."""
        return self._lost is None and not self._leaving and not self._replies and self._farewell is None

    @property
    def waiting(self) -> bool:
        """Whether a reply is there already."""
        return bool(self._replies)

    @property
    def farewell(self) -> Reply | None:
        """A 421 that the remote said unasked, or with which it broke a row of replies off."""
        return self._farewell

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS layer."""
        if self._transport is None:
            return None
        return cast("ssl.SSLObject | None", self._transport.get_extra_info("ssl_object"))

    def ask(self, data: bytes, replies: int = 1) -> None:
        """Send commands that will be answered by so many replies. Raises Gone."""
        self.owed += replies
        self.write(data)

    def write(self, data: bytes) -> None:
        """Send. Raises Gone."""
        if self._lost is not None:
            raise self._lost
        assert self._transport is not None
        self._transport.write(data)

    async def reply(self, seconds: float) -> Reply:
        """The next reply. Raises Gone when the line breaks or the time is over before it is complete."""
        while not self._replies:
            await self._wait(seconds)
        reply = self._replies.popleft()
        if reply.code == 421:
            self._farewell = reply
        return reply

    async def pour(self, parts: Iterable[bytes], seconds: float) -> bool:
        """Send a message, as fast as the remote reads. ``seconds`` is for each time that it does not read. False if a
        reply came before the end: the remote does not want the rest. Raises Gone."""
        for part in parts:
            while self._choked and not self._replies:
                await self._wait(seconds)
            if self._replies:
                return False
            self.write(part)
        return True

    async def start_tls(self, context: ssl.SSLContext, name: str | None, seconds: float) -> ssl.SSLObject:
        """Shake hands. What the remote began to say before is dropped (RFC 3207 4.2); whole replies that nobody asked
        for have broken the line already. Raises OSError (ssl.SSLError and
        TimeoutError are such) or Gone."""
        if self._lost is not None or self._transport is None:
            raise self._lost or Gone("the connection is closed")
        self._parser.clear()
        try:
            layer = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=name,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        except BaseException:
            self.abort("the TLS handshake failed")
            self._end()  # asyncio tells nobody above the TLS layer
            raise
        if layer is None:
            raise Gone("the connection was closed in the TLS handshake")
        share_read_buffer(layer, self._loop)
        self._transport = layer
        found = layer.get_extra_info("ssl_object")
        if found is None or self._lost is not None:
            raise self._lost or Gone("the connection was closed right after the TLS handshake")
        return cast(ssl.SSLObject, found)

    def leave(self) -> None:
        """Say QUIT, and close when it was answered or soon after. Nothing may be owed."""
        if self._leaving or self._transport is None:
            return
        if self._lost is not None or self.owed:
            self.abort()
            return
        self._leaving = True
        self._transport.write(b"QUIT\r\n")
        self._deadline.set(LEAVE_SECONDS, self._loop)

    def abort(self, why: str = "the connection was broken off") -> None:
        """Close at once."""
        if self._lost is None:
            self._lost = Gone(why)
        self._deadline.end()
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def data_received(self, data: bytes) -> None:
        if self._leaving and self._transport is not None:
            self._transport.close()
            return
        if self._lost is not None:
            return
        try:
            for reply in self._parser.feed(data):
                self._take(reply)
        except NotSmtp as problem:
            self._break(
                Gone(f"it said what is {problem}" if str(problem)[:3] == "not" else f"it sends {problem}")
            )
        if self._replies or self._lost is not None:
            self._wake()

    def _take(self, reply: Reply) -> None:
        if self.owed:
            self.owed -= 1
            self._replies.append(reply)
        elif reply.code == 421:
            self._farewell = reply  # it is about to close an idle connection
        else:
            raise NotSmtp("replies nobody asked for")

    def eof_received(self) -> bool | None:
        return None

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._lost is None:
            self._lost = Gone(
                f"the connection was lost ({_why(error)})" if error else "it closed the connection"
            )
        self._deadline.end()
        self._end()
        self._wake()

    def _end(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    # ------------------------------------------------------------------ waiting

    async def _wait(self, seconds: float) -> None:
        """Until there is a reply, or room to write again. Raises Gone."""
        if self._lost is not None:
            raise self._lost
        waiter = self._waiter = self._loop.create_future()
        self._deadline.set(seconds, self._loop)
        try:
            await waiter
        finally:
            self._waiter = None
            self._deadline.set(None, self._loop)
        if self._lost is not None and not self._replies:
            raise self._lost

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _late(self) -> None:
        if self._leaving:
            if self._transport is not None:
                self._transport.abort()
            return
        self._break(Gone("it did not answer in time", late=True))
        self._wake()

    def _break(self, why: Gone) -> None:
        if self._lost is None:
            self._lost = why
        if self._transport is not None:
            self._transport.abort()


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
