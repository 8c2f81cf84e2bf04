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
  our last words; a peer that does not go is cut off after ``LINGER_SECONDS``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import count
from typing import Any, cast

from posthouse.net import eager
from posthouse.net.bans import BANNED
from posthouse.net.contract import Peer, TlsInfo
from posthouse.net.deadline import Deadline
from posthouse.net.door import OPEN_DOOR, Door
from posthouse.net.peer import UNKNOWN, make_peer, peer_of
from posthouse.net.tls_info import tls_info
from posthouse.net.tls_start import upgrade
from posthouse.net.writing import Writing
from posthouse.observe import talk
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.wire import proxy

log = logger("net.connection")

LINGER_SECONDS = 3.0
"""How long a closed connection may keep sending before it is cut off."""

FLUSH_SECONDS = 30.0
"""How long a peer may take to read what was written before ``close``."""


_numbers = count(1)


class Connection(Writing):
    """One connection of a peer. See :class:`posthouse.net.contract.ConnectionApi` for what sessions may call
    and override; further hooks: ``resume``, ``failed``, ``finished``."""

    __slots__ = (
        "__weakref__",
        "_admitted",
        "_again",
        "_collected",
        "_deadline",
        "_early",
        "_finished",
        "_header",
        "_input_over",
        "_lingering",
        "_reading_held",
        "_reading_paused",
        "_resuming",
        "_running",
        "_shutting_down",
        "_task",
        "busy",
        "bytes_in",
        "door",
        "farewell",
        "interruptible",
        "number",
        "peer",
        "since",
        "tls",
        "word",
    )

    backlog_limit = 65536
    """Bytes that may arrive while busy before reading pauses; a class attribute for sessions to set."""

    def __init__(self) -> None:
        super().__init__()
        self.peer: Peer = UNKNOWN
        self.tls: TlsInfo | None = None
        self.door: Door = OPEN_DOOR
        self.busy = False
        self.number = next(_numbers)
        """Names this connection within its process."""
        self.since = 0.0
        """When it was let in, in seconds since 1970."""
        self.bytes_in = 0
        """What the peer said so far, after TLS."""
        self.word = ""
        """The last command."""
        self.farewell = ""
        """Why the administrator ends this connection: what ``going_down`` says then."""
        self.interruptible = False
        """Set while a handler waits for the peer or for news (IDLE): ``going_down`` may then be called at
        once."""
        self._task: asyncio.Task[None] | None = None
        self._running = False
        self._resuming = False
        self._again = False
        self._collected = 0
        self._reading_paused = False
        self._reading_held = False
        self._deadline = Deadline(self._time_over)
        self._header: bytearray | None = None
        self._input_over = False
        self._lingering = False
        self._finished = False
        self._admitted = False
        self._shutting_down = False
        self._early: bytearray | None = None

    # ------------------------------------------------------------------ for sessions to override

    def opened(self) -> None:
        """The peer is known, PROXY header and implicit TLS are done: greet it."""

    def received(self, data: bytes) -> None:
        """Bytes from the peer. While ``busy``: collect only."""

    def resume(self) -> None:
        """The session is no longer busy: go on with what was collected. Called by the base, never nested."""

    def tls_started(self) -> None:
        """``start_tls`` succeeded; ``self.tls`` is set. Called before ``start_tls`` returns."""

    def peer_finished(self) -> None:
        """The peer will send nothing more. Called when that happens and again each time the session is idle.
        Default: answer what it asked, then close."""
        if not self.busy:
            self.close()

    def deadline(self) -> None:
        """The time set by ``set_deadline`` passed. Default: close."""
        self.close()

    def going_down(self) -> None:
        """The server stops and no handler runs (or the running one is ``interruptible``). Default: close."""
        self.close()

    def closed(self) -> None:
        """The connection is gone (once). A handler may still run: release what it uses in ``finished``."""

    def finished(self) -> None:
        """The connection is gone and no handler runs any more (once, after ``closed``)."""

    def failed(self, error: Exception) -> None:
        """A handler raised. Default: log with traceback and close. ConnectionError never comes here."""
        log.error("session.failed", peer=self.peer.address, protocol=self.door.protocol, exc_info=error)
        self.close()

    @property
    def account_address(self) -> str:
        """Who has signed in, "" for nobody."""
        return ""

    @property
    def client_name(self) -> str:
        """What the peer calls itself, "" if it has not said."""
        return ""

    @property
    def trace_id(self) -> str:
        """The trace of this session's messages, "" where it has none."""
        return ""

    def talk_changed(self) -> None:
        """``talk`` was set or taken away."""

    # ------------------------------------------------------------------ for sessions to call

    @property
    def label(self) -> str:
        """The id of this session in the log and in the list of sessions."""
        return f"{self.door.worker}-{self.number}"

    @property
    def closing(self) -> bool:
        """Whether ``close`` or ``abort`` was called or the peer is gone."""
        return self._closed

    @property
    def can_start_tls(self) -> bool:
        """Whether STARTTLS is to be offered now."""
        return self.tls is None and self.door.starttls and self.door.tls is not None

    @property
    def secure(self) -> bool:
        """Whether passwords may be sent: TLS is on, or the peer is on this machine."""
        return self.tls is not None or self.peer.loopback

    def perform(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a handler: at once up to its first real wait, then as a task. Never two at a time."""
        assert not self._running, "one handler at a time"
        self._running = self.busy = True
        try:
            task = eager.start(coroutine, self._loop)
        except Exception as error:
            self._ended(error)
            return
        if task is None:
            self._ended(None)
        else:
            self._task = task
            task.add_done_callback(self._task_done)

    def set_deadline(self, seconds: float | None) -> None:
        """(Re)arm the deadline; None disarms it."""
        if not self._closed:
            self._deadline.set(seconds, self._loop)

    def consumed(self) -> None:
        """The running handler took what was collected and waits for more from the peer: read on. Without this
        call a handler that takes more than ``backlog_limit`` in all (a literal, a long exchange) would wait
        for ever."""
        self._collected = 0
        self._steer_reading()

    def hold_reading(self, hold: bool) -> None:
        """Stop (or again allow) reading from the peer, for sessions that must not take more just now."""
        self._reading_held = hold
        self._steer_reading()

    def close(self) -> None:
        """Flush, then close; further input is ignored."""
        if self._closed:
            return
        self._flush_cork()
        transport = self._transport
        self._closed = True
        if transport is None:
            return
        self._reading_held = False
        self._steer_reading()
        if self._input_over or self.tls is not None or not transport.can_write_eof():
            transport.close()
            self._deadline.set(FLUSH_SECONDS, self._loop)
            return
        try:
            transport.write_eof()
        except (OSError, RuntimeError):
            transport.close()
        # With unread input the kernel would answer our close with a reset that destroys our last reply.
        self._lingering = True
        self._deadline.set(FLUSH_SECONDS if transport.get_write_buffer_size() else LINGER_SECONDS, self._loop)

    def abort(self) -> None:
        """Close without flushing."""
        self._closed = True
        self._cork = None if self._cork is None else []
        if self._transport is not None:
            self._transport.abort()

    async def start_tls(self) -> None:
        """Upgrade the connection. Raises ConnectionError when the handshake fails (the connection is then
        aborted)."""
        await self._handshake(b"")
        self.tls_started()
        self._take_early()

    # ------------------------------------------------------------------ for the server

    def shut_down(self) -> None:
        """The server stops: tell the session as soon as it is not in the middle of an answer."""
        if self._closed or self._shutting_down:
            return
        self._shutting_down = True
        if not self._running or self.interruptible:
            self.going_down()

    def dismiss(self, reason: str) -> None:
        """The administrator ends this connection: like ``shut_down``, with this reason."""
        self.farewell = reason
        self.shut_down()

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

    @property
    def settled(self) -> bool:
        """Whether nothing is left to say or do: closed, no handler runs, and everything written has left."""
        if not self._closed or self._running:
            return False
        return self._transport is None or not self._transport.get_write_buffer_size()

    # ------------------------------------------------------------------ asyncio.Protocol

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

    # ------------------------------------------------------------------ inside

    async def _handshake(self, already: bytes) -> None:
        """Become TLS. ``already`` are bytes of the handshake that came with a PROXY header."""
        contexts = self.door.tls
        self._flush_cork()
        if contexts is None or self._transport is None:
            raise ConnectionResetError("no TLS here, or the peer is gone")
        # What comes through the TLS layer before start_tls returns is kept; its transport is not ours to
        # steer yet.
        self._early = bytearray()
        try:
            transport = await upgrade(
                self._loop, self._transport, self, contexts.server(), self.door.handshake_seconds, already
            )
        except BaseException as error:
            self.abort()
            # A transport lost in mid-handshake tells only the TLS layer, not us.
            self._loop.call_soon(self.connection_lost, None)
            if not isinstance(error, OSError):  # ssl.SSLError and TimeoutError are OSErrors
                raise
            reason = str(error) or type(error).__name__
            log.info("tls.failed", peer=self.peer.address, protocol=self.door.protocol, reason=reason)
            raise ConnectionAbortedError("TLS handshake failed") from error
        if self._transport is None:
            raise ConnectionResetError("the peer is gone")
        self._transport = transport
        self._reading_paused = False
        self.tls = tls_info(transport)

    def _let_in(self) -> bool:
        admission = self.door.admission
        reason = "" if admission is None else admission.enter(self.peer.address)
        if not reason:
            self._admitted = True
            self.since = time.time()
            self.door.sessions.add(self)
            counters.connections[self.door.protocol] += 1
            if talk.switches.connections:
                self._tell("connection.opened", port=self.peer.local_port)
            self.talk = talk.begin(self.door.protocol, self, self.peer.address)
            if self.talk is not None:
                self.talk_changed()
            return True
        counters.not_let_in[self.door.protocol] += 1
        log.info("connection.refused", peer=self.peer.address, protocol=self.door.protocol, reason=reason)
        words = self.door.banned if reason == BANNED else self.door.refusal
        if words and not self.door.implicit:
            self.write(words.format(reason=reason).encode())
        if self._transport is not None:
            self._transport.close()
        self._closed = True
        return False

    def _tell(self, event: str, **fields: object) -> None:
        log.info(event, session=self.label, peer=self.peer.address, protocol=self.door.protocol, **fields)

    def _take_header(self, data: bytes) -> None:
        """The beginning of a proxied connection (``wire.proxy``): who the real peer is."""
        assert self._header is not None
        self._header += data
        found = proxy.parse(self._header)
        if isinstance(found, proxy.NeedMore):
            return
        if isinstance(found, proxy.Bad):
            log.warning("proxy.refused", peer=self.peer.address, reason=found.reason)
            self.abort()
            return
        rest = bytes(self._header[found.consumed :])
        self._header = None
        self._deadline.set(None, self._loop)
        if found.source is not None and found.destination is not None:
            source, here = found.source, found.destination
            self.peer = make_peer(source.host, source.port, here.host, here.port)
        else:
            # The address that is left is the proxy's. Whoever is behind it need not be on this machine.
            self.peer = replace(self.peer, loopback=False)
        if not self._let_in():
            return
        if self.door.implicit:
            self.perform(self._open_with_tls(rest))
            return
        self._corked(self.opened)
        if rest:
            self.data_received(rest)

    async def _open_with_tls(self, already: bytes) -> None:
        await self._handshake(already)
        self.opened()
        self._take_early()

    def _take_early(self) -> None:
        """Deliver what came in the peer's last flight of the handshake."""
        early, self._early = self._early, None
        if early:
            self.data_received(bytes(early))
        self._steer_reading()

    def _ended(self, error: BaseException | None) -> None:
        """A handler ended: report its error, then go on unless the peer does not read."""
        self._running = False
        self._task = None
        self.interruptible = False
        if error is not None and not isinstance(error, (ConnectionError, asyncio.CancelledError)):
            assert isinstance(error, Exception)
            self.failed(error)
        elif error is not None:
            self.close()
        if self._transport is None:
            self.busy = False
            self._finish_if_idle()
            return
        if self._shutting_down and not self._closed:
            self.going_down()
        self.busy = self.choked
        if not self.busy and not self._closed:
            self._go_on()

    def _task_done(self, task: asyncio.Task[None]) -> None:
        error: BaseException | None
        if task.cancelled():
            error = asyncio.CancelledError()
        else:
            error = task.exception()
        self._corked(lambda: self._ended(error))

    def _go_on(self) -> None:
        """Call ``resume`` until nothing ends at once any more; never nested, however many commands are
        waiting."""
        if self._resuming:
            self._again = True
            return
        self._resuming = True
        try:
            while True:
                self._again = False
                self._safely(self.resume)
                if not self._again or self.busy or self._closed:
                    break
        finally:
            self._resuming = False
        if self.busy or self._closed:
            return
        self._collected = 0
        self._steer_reading()
        if self._input_over:
            self._safely(self.peer_finished)

    def _steer_reading(self) -> None:
        """Pause or resume the transport's reading as the state demands."""
        transport = self._transport
        if transport is None or self._early is not None:
            return
        wanted = self._closed or not (
            self._reading_held or self.choked or (self.busy and self._collected > self.backlog_limit)
        )
        if wanted == self._reading_paused and not transport.is_closing():
            self._reading_paused = not wanted
            if wanted:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def _corked(self, call: Callable[[], None]) -> None:
        """Call with writes gathered into one."""
        if self._cork is not None:
            call()
            return
        self._cork = []
        self._cork_size = 0
        self._safely(call)
        self._uncork()

    def _safely(self, call: Callable[[], None]) -> None:
        """Call a hook of the session; one that raises has failed like a handler."""
        try:
            call()
        except Exception as error:
            self.failed(error)

    def _finish_if_idle(self) -> None:
        if self._running or self._finished or self._transport is not None:
            return
        self._finished = True
        self._safely(self.finished)

    def _time_over(self) -> None:
        if self._closed or self._header is not None:
            self.abort()
        elif self._transport is not None:
            self._corked(self.deadline)
