"""The receiving half of a connection: reading only as fast as the session asks, deadlines, and the end."""

from __future__ import annotations

from posthouse.net.contract import TlsInfo
from posthouse.net.deadline import Deadline
from posthouse.net.writing import Writing

LINGER_SECONDS = 3.0
"""How long a closed connection may keep sending before it is cut off."""

FLUSH_SECONDS = 30.0
"""How long a peer may take to read what was written before ``close``."""


class Reading(Writing):
    """When :class:`posthouse.net.connection.Connection` reads, and how it ends."""

    __slots__ = (
        "_collected",
        "_deadline",
        "_early",
        "_input_over",
        "_lingering",
        "_reading_held",
        "_reading_paused",
        "_running",
        "busy",
        "tls",
    )

    backlog_limit = 65536
    """Bytes that may arrive while busy before reading pauses; a class attribute for sessions to set."""

    def __init__(self) -> None:
        super().__init__()
        self.tls: TlsInfo | None = None
        self.busy = False
        self._running = False
        self._collected = 0
        self._reading_paused = False
        self._reading_held = False
        self._deadline = Deadline(self._time_over)
        self._input_over = False
        self._lingering = False
        self._early: bytearray | None = None

    @property
    def closing(self) -> bool:
        """Whether ``close`` or ``abort`` was called or the peer is gone."""
        return self._closed

    @property
    def settled(self) -> bool:
        """Whether nothing is left to say or do: closed, no handler runs, and everything written has left."""
        if not self._closed or self._running:
            return False
        return self._transport is None or not self._transport.get_write_buffer_size()

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

    def _time_over(self) -> None:
        """The time of ``set_deadline`` passed."""
