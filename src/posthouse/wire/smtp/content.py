"""What may stand in a message, checked as it passes: line endings, NUL, line length.

CR and LF occur in SMTP only together (RFC 5321 2.3.8). A message in which they do not has been used to
hide a second message in the first ("SMTP smuggling"): a server that takes ``LF . LF`` for the end sees two
messages where another saw one.
"""

from __future__ import annotations

import re

_CR, _LF = 0x0D, 0x0A
_NOT_CR_LF = bytes(byte for byte in range(256) if byte not in (_CR, _LF))
_ANY_NEWLINE = re.compile(rb"\r\n|\r|\n")


class LineRule:
    """Looks at the pieces of one message in order. After all of them, ``end`` tells that nothing follows.

    ``bare``: a CR or LF stood alone. ``nul``: there was a NUL octet, which neither SMTP nor IMAP can
    carry. ``long``: a line was longer than ``max_line`` octets with its CRLF (0: any length is fine).
    """

    __slots__ = ("_cr", "_length", "bare", "long", "max_line", "nul")

    def __init__(self, max_line: int = 0) -> None:
        self.max_line = max_line
        self.bare = False
        self.nul = False
        self.long = False
        self._cr = False
        self._length = 0

    def check(self, data: bytes) -> None:
        """Look at the next piece."""
        if not data:
            return
        # Only the CRs and LFs, in order: by far the quickest way to see whether they come in pairs.
        marks = data.translate(None, _NOT_CR_LF)
        if self._cr:
            if data[0] == _LF:
                marks = marks[1:]
            else:
                self.bare = True
        self._cr = data[-1] == _CR
        if self._cr:
            marks = marks[:-1]
        if marks != b"\r\n" * (len(marks) // 2):
            self.bare = True
        if not self.nul and b"\0" in data:
            self.nul = True
        if self.max_line:
            self._measure(data)

    def end(self) -> None:
        """The message is complete: a CR at its very end stood alone."""
        if self._cr:
            self.bare = True
            self._cr = False

    def _measure(self, data: bytes) -> None:
        """Follow the line length in hops of ``max_line`` rather than line by line."""
        start = -self._length
        while len(data) - start > self.max_line:
            newline = data.rfind(b"\n", max(start, 0), start + self.max_line)
            if newline < 0:
                self.long = True
                # Measured no further: one long line is enough to refuse the message.
                self._length = 0
                self.max_line = 0
                return
            start = newline + 1
        newline = data.rfind(b"\n")
        self._length = len(data) - newline - 1 if newline >= 0 else self._length + len(data)


class Normaliser:
    """Turns each bare CR and bare LF of a message into CRLF."""

    __slots__ = ("_cr",)

    def __init__(self) -> None:
        self._cr = False

    def feed(self, data: bytes) -> bytes:
        """The next piece with proper line endings. A CR at its end waits for the next piece."""
        if self._cr:
            data = b"\r" + data
        self._cr = data.endswith(b"\r")
        if self._cr:
            data = data[:-1]
        crlf = data.count(b"\r\n")
        if data.count(b"\n") == crlf and data.count(b"\r") == crlf:
            return data
        return _ANY_NEWLINE.sub(b"\r\n", data)

    def end(self) -> bytes:
        """What still waited when the message ended."""
        return b"\r\n" if self._cr else b""
