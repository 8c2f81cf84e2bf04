"""The client's bytes, cut into lines."""

from __future__ import annotations

MAX_COMMAND = 512
"""Longest command line in bytes, line end included. RFC 2449 4 demands 255; UTF-8 logins (RFC 6856) want
more."""

MAX_RESPONSE = 12288
"""Longest line of a SASL exchange (RFC 4954 4.2 names this number for SMTP; RFC 5034 none): base64 of 9
KiB."""


class TooLong(Exception):
    """A line is longer than its limit. The connection cannot go on: where the next command begins is
    unknown."""


class LineReader:
    """Collects bytes and hands out lines without their line end (CRLF; a bare LF is taken as well)."""

    __slots__ = ("_buffer", "_start")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._buffer += data

    def next(self, limit: int) -> bytes | None:
        """The next line; None when it is not complete. Raises TooLong."""
        buffer, start = self._buffer, self._start
        end = buffer.find(b"\n", start, start + limit)
        if end < 0:
            if len(buffer) - start >= limit:
                raise TooLong
            if start:
                del buffer[:start]
                self._start = 0
            return None
        self._start = end + 1
        if end > start and buffer[end - 1] == 13:
            end -= 1
        line = bytes(buffer[start:end])
        if self._start == len(buffer):
            buffer.clear()
            self._start = 0
        elif self._start > 65536:
            del buffer[: self._start]
            self._start = 0
        return line

    def clear(self) -> None:
        """Drop what has not been handed out (STLS)."""
        self._buffer.clear()
        self._start = 0
