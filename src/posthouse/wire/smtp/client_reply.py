"""Replies of a server, as its client reads them (RFC 5321 4.2, RFC 2034), with bounds on everything.

Lenient where it costs nothing (a bare LF ends a line, the text may be missing or in any charset), strict where a
misunderstanding would be one about mail: what does not begin with a code from 200 to 599 is not SMTP.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_LINE = 2048
"""Bytes of one line. RFC 5321 4.5.3.1.5 allows 512; some servers explain themselves at length."""

MOST_LINES = 256
LARGEST_REPLY = 32768
"""Bytes of one reply in all of its lines."""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\n]*?))?[ \t]*\r?\n")
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|\Z)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


class NotSmtp(Exception):
    """What came is no reply, or one beyond all bounds. The text says what, in our own words."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. ``status`` is the enhanced status code, "" where none was given (or one of another class than the
    code's); ``lines`` are the texts without code and status; ``bare`` the same with the status left in, for EHLO."""

    code: int
    status: str
    lines: tuple[str, ...]
    bare: tuple[str, ...]

    @property
    def text(self) -> str:
        """The words, lines joined by blanks."""
        return " ".join(filter(None, self.lines))

    @property
    def good(self) -> bool:
        """2xx."""
        return self.code < 300

    @property
    def temporary(self) -> bool:
        """4xx."""
        return 400 <= self.code < 500


class ReplyParser:
    """Cuts a stream into replies."""

    __slots__ = ("_buffer", "_lines", "_size")

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[tuple[int, bytes]] = []
        self._size = 0

    @property
    def clean(self) -> bool:
        """Whether nothing of a further reply is held."""
        return not self._buffer and not self._lines

    def clear(self) -> None:
        """Forget what is held (before a TLS handshake, RFC 3207 4.2)."""
        self._buffer = b""
        self._lines = []
        self._size = 0

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are complete now. Raises NotSmtp; then nothing of the stream can be trusted any more."""
        if self._buffer:
            data = self._buffer + data
        replies: list[Reply] = []
        at = 0
        while True:
            end = data.find(b"\n", at, at + LONGEST_LINE) + 1
            if not end:
                break
            found = _LINE.match(data, at, end)
            if found is None:
                raise NotSmtp(_complaint(data[at:end]))
            self._size += end - at
            at = end
            self._lines.append((int(found[1]), found[3] or b""))
            if found[2] != b"-":
                replies.append(_reply(self._lines))
                self._lines = []
                self._size = 0
            elif len(self._lines) >= MOST_LINES or self._size > LARGEST_REPLY:
                raise NotSmtp("a reply without end")
        self._buffer = data[at:]
        if len(self._buffer) >= LONGEST_LINE:
            raise NotSmtp("a reply line without end")
        if not _may_begin(self._buffer):
            raise NotSmtp(_complaint(self._buffer))
        return replies


def _may_begin(data: bytes) -> bool:
    """Whether this may still become a reply line: told early, as what is no SMTP may never end its line."""
    return all(byte in allowed for byte, allowed in zip(data, _FIRST, strict=False))


_FIRST = (b"2345", b"0123456789", b"0123456789", b" -\t\r\n")


def _complaint(line: bytes) -> str:
    """What came, shortened and made harmless."""
    shown = clean_text(line[:60].decode("latin-1")).strip()
    return f"not SMTP: {shown!r}" if shown else "not SMTP"


def clean_text(text: str) -> str:
    """A remote's words with control characters (NUL, escape sequences, those that turn the direction of what stands
    around them) as blanks."""
    return text if text.isprintable() else _UNPRINTABLE.sub(" ", text)


def _reply(lines: list[tuple[int, bytes]]) -> Reply:
    """One reply of its lines. Lines with different codes are a fault of the server: the last one counts, but a good one
    does not make good what an earlier line refused."""
    code = lines[-1][0]
    if len(lines) > 1 and code < 400:
        code = next((each for each, _ in lines if each >= 400), code)
    status = ""
    texts: list[str] = []
    bare: list[str] = []
    for _, raw in lines:
        text = clean_text(raw.decode("utf-8", "replace"))
        bare.append(text)
        found = _STATUS.match(text)
        if found is not None and found[1][0] == str(code)[0]:
            status = status or found[1]
            text = text[found.end() :]
        texts.append(text.strip())
    return Reply(code, status, tuple(texts), tuple(bare))
