"""The base of every session: an :class:`asyncio.Protocol` with backpressure, one deadline and one handler at
a time.

The rules a session can rely on:

* ``received`` may be called at any time, but while ``busy`` it must only collect. ``busy`` is true while a
  handler runs, and also while the peer does not read its answers (``choked``): nobody gets to ask faster than
  it reads.
* Bytes collected while busy are counted; past ``backlog_limit`` reading pauses until the session is idle
  again.
* Writes made while one piece of input is being handled leave in one system call.
* ``close`` flushes, says the end of our side, and drops what the peer still sends, so that the peer can read
  our last words; a peer that does not go is cut off after ``reading.LINGER_SECONDS``.

It is built in layers, each one idea: ``writing``, ``reading``, ``hooks``, ``handling``, ``opening``, and here what
asyncio calls.
"""

from __future__ import annotations

import asyncio
from typing import cast

from posthouse.net.opening import Opening
from posthouse.net.peer import peer_of
from posthouse.net.reading import LINGER_SECONDS
from posthouse.observe import talk
from posthouse.observe.counters import counters


class Connection(Opening):
    """One connection of a peer. See :class:`posthouse.net.contract.ConnectionApi` for what sessions may call
    and override; further hooks: ``resume``, ``failed``, ``finished``."""

    __slots__ = ("__weakref__", "bytes_in", "word")

    def __init__(self) -> None:
        super().__init__()
        self.bytes_in = 0
        """What the peer said so far, after TLS."""
        self.word = ""
        """The last command."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.peer = peer_of(transport)
        if self.door.is_proxy(self.peer.address):
            self._header = bytearray()
            self._deadline.set(self.door.handshake_seconds, self._loop)
        elif self._let_in() and not self.door.implicit:
            self._corked(self.opened)
        elif self._admitted:
            self.perform(self._open_with_tls(b""))

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        if self._header is not None:
            self._take_header(data)
            return
        if self._early is not None:
            self._early += data
            return
        self.bytes_in += len(data)
        if self.busy:
            self._collected += len(data)
            if self._collected > self.backlog_limit:
                self._steer_reading()
        self._cork = []
        self._cork_size = 0
        try:
            self.received(data)
        except Exception as error:
            self.failed(error)
        self._uncork()

    def eof_received(self) -> bool | None:
        self._input_over = True
        if self._header is not None:
            self.abort()
        if self._closed or self._early is not None:
            return None  # the transport closes itself now; one in its handshake is seen to by upgrade()
        self._corked(self.peer_finished)
        # True keeps our side open for the answers still owed; TLS has no half-closed connections.
        return self.tls is None

    def pause_writing(self) -> None:
        self.choked = self.busy = True
        self._steer_reading()

    def resume_writing(self) -> None:
        self.choked = False
        self._wake_drainers()
        if self._closed:
            if self._lingering:
                self._deadline.set(LINGER_SECONDS, self._loop)
            return
        if not self._running:
            self.busy = False
            self._corked(self._go_on)

    def connection_lost(self, error: Exception | None) -> None:
        admitted = self._admitted
        self._transport = None
        self._closed = True
        self._cork = None
        self._deadline.end()
        self._wake_drainers()
        if not admitted:
            return
        self._admitted = False
        protocol = self.door.protocol
        counters.bytes_in[protocol] += self.bytes_in
        counters.bytes_out[protocol] += self.bytes_out
        if talk.switches.connections:
            self._tell("connection.closed", received=self.bytes_in, sent=self.bytes_out)
        self.door.sessions.discard(self)
        if self.door.admission is not None:
            self.door.admission.leave(self.peer.address)
        self._safely(self.closed)
        self._finish_if_idle()

    def steer_talk(self) -> bool:
        """Begin or end the log of the conversation as the switches say. Not in the middle of a handler, as what it
        says need not begin with a line: False then."""
        wanted = self._admitted and talk.is_on(self.door.protocol)
        if wanted == (self.talk is not None):
            return True
        if self._running or self.busy or self._early is not None:
            return False
        self.talk = talk.begin(self.door.protocol, self, self.peer.address) if wanted else None
        self.talk_changed()
        return True

    def _time_over(self) -> None:
        if self._closed or self._header is not None:
            self.abort()
        elif self._transport is not None:
            self._corked(self.deadline)
