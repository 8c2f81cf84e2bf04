"""Cuts the incoming stream into what the session works on: command lines, SASL responses, message content."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from posthouse.wire.smtp.data import ChunkDecoder, DataDecoder


class Fault(Enum):
    """A line that is not to be looked at."""

    TOO_LONG = "the line was longer than allowed; it was dropped up to its end"
    BARE_LF = "the line ended with LF alone; the stream cannot be trusted any more"


class Content:
    """The next piece of a message. ``data`` may be empty; ``done``: the message (DATA) or chunk (BDAT) is
    complete."""

    __slots__ = ("data", "done")

    def __init__(self, data: bytes, done: bool) -> None:
        self.data = data
        self.done = done


Event: TypeAlias = bytes | Content | Fault
"""A line without its CRLF, content, or a fault."""


class Reader:
    """Fed by the connection, asked by the session: ``next_event`` until it returns None.

    It reads lines until ``begin_data`` or ``begin_chunk`` says otherwise, and lines again after the end of
    those. What it holds is bounded by ``max_line`` plus what one call of ``feed`` brings, as long as every
    event is taken.
    """

    __slots__ = ("_arrived", "_at", "_buffer", "_decoder", "_dropping", "max_line")

    def __init__(self, max_line: int) -> None:
        self.max_line = max_line
        self._buffer = b""
        self._at = 0
        self._arrived: list[bytes] = []
        self._decoder: DataDecoder | ChunkDecoder | None = None
        self._dropping = False

    @property
    def buffered(self) -> int:
        """Bytes held."""
        return len(self._buffer) - self._at + sum(map(len, self._arrived))

    @property
    def in_content(self) -> bool:
        """Whether what follows is a message or chunk, not lines."""
        return self._decoder is not None

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if self._at == len(self._buffer) and not self._arrived:
            self._buffer = data
            self._at = 0
        else:
            # Joined only when wanted: a peer that dribbles must not make us copy the same bytes again and
            # again.
            self._arrived.append(data)

    def clear(self) -> None:
        """Drop everything held (STARTTLS: what came before the handshake is not the client's)."""
        self._buffer = b""
        self._at = 0
        self._arrived.clear()
        self._dropping = False

    def begin_data(self) -> None:
        """What follows is a message up to CRLF.CRLF."""
        self._decoder = DataDecoder()

    def begin_chunk(self, size: int) -> None:
        """What follows is a chunk of ``size`` octets. The next event comes also for an empty chunk."""
        self._decoder = ChunkDecoder(size)

    def next_event(self) -> Event | None:
        """The next event; None when more bytes are needed."""
        if self._arrived:
            self._buffer = b"".join((self._buffer[self._at :], *self._arrived))
            self._at = 0
            self._arrived.clear()
        if self._decoder is not None:
            return self._content(self._decoder)
        return self._line()

    def _content(self, decoder: DataDecoder | ChunkDecoder) -> Content | None:
        if self._at == len(self._buffer) and decoder.rest is None:
            return None
        data = decoder.feed(self._buffer[self._at :] if self._at else self._buffer)
        self._at = 0
        if decoder.rest is None:
            self._buffer = b""
            return Content(data, False)
        self._buffer = decoder.rest
        self._decoder = None
        return Content(data, True)

    def _line(self) -> bytes | Fault | None:
        buffer, at = self._buffer, self._at
        end = buffer.find(b"\n", at)
        if end < 0:
            if len(buffer) - at > self.max_line:
                self._dropping = True
            if self._dropping:
                self._buffer = b""
                self._at = 0
            return None
        self._at = end + 1
        if self._dropping or end + 1 - at > self.max_line:
            self._dropping = False
            return Fault.TOO_LONG
        if end == at or buffer[end - 1] != 0x0D:
            return Fault.BARE_LF
        return buffer[at : end - 1]
