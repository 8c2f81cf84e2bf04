"""The header section of a message on its way in: held back until complete, examined, given its new fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from posthouse.mail.refusal import Refusal

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|\Z)")
_NAME = re.compile(rb"[!-9;-~]+[ \t]*:")
_MBOX_LINE = re.compile(rb">?From [^\r\n]*\r\n")
_COUNTED = frozenset(
    (b"received", b"return-path", b"date", b"message-id", b"content-type", b"from", b"sender", b"mt-priority")
)
_PRIORITY = re.compile(rb"\s*(0|-?[1-9])\s*(?:\([^()]*\)\s*)?")


@dataclass(slots=True)
class HeaderFacts:
    """What the gate learnt of a header section."""

    fields: int = 0
    received: int = 0
    own_received: int = 0
    date: bool = False
    message_id: bool = False
    composite: bool = False
    """Whether the message may have parts within parts: its type is multipart/… or message/…"""
    foreign_paths: list[tuple[int, int]] = field(default_factory=list)
    authors: list[bytes] = field(default_factory=list)
    """The value of each From field as it stands, folded."""
    senders: list[tuple[bytes, int, int]] = field(default_factory=list)
    """The value of each Sender field, and where the field begins and ends."""
    priority: int | None = None
    """What MT-Priority says (RFC 6758), if it can be read."""


class HeaderGate:
    """Collects the header section.

    ``feed`` returns True once it is complete; then ``header`` holds its lines (each with CRLF, without the
    empty line) and ``rest`` what came after it, the empty line included. An mbox "From " line before it is
    dropped. A message that begins with something that is no field has an empty header, and an empty line
    is put before its text, lest the text be taken for header once fields stand before it.
    """

    __slots__ = ("_buffer", "_judged", "_limit", "_start", "header", "rest")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._start = 0
        self._judged = False
        self.header = b""
        self.rest = b""

    def feed(self, data: bytes) -> bool:
        """The next bytes. Raises Refusal (552) when the section is larger than the limit."""
        seen = len(self._buffer)
        if not seen:
            # Most often the first piece holds the whole section, and nothing need be gathered.
            if self._look(data, 0):
                return True
            self._buffer = bytearray(data)
            return False
        self._buffer += data
        return self._look(self._buffer, seen)

    def finish(self) -> None:
        """The message ended before its header section did."""
        buffer = self._buffer
        if not self._judged and buffer and not self._begins_with_field(buffer):
            self._settle(b"", b"\r\n" + buffer[self._start :])
        else:
            self._settle(buffer[self._start :], b"")

    def _look(self, buffer: bytes | bytearray, seen: int) -> bool:
        if not self._judged and self._first_line(buffer):
            return True
        end = buffer.find(b"\r\n\r\n", max(seen - 3, self._start)) if self._judged else -1
        size = (end if end >= 0 else len(buffer)) - self._start
        if size > self._limit:
            raise Refusal(552, "5.3.4", f"Header section larger than {self._limit} bytes")
        if end < 0:
            return False
        self._settle(buffer[self._start : end + 2], buffer[end + 2 :])
        return True

    def _first_line(self, buffer: bytes | bytearray) -> bool:
        """Judge the first line once it is there; True when the message turns out to have no header."""
        while buffer.find(b"\r\n", self._start) >= 0:
            if buffer[self._start : self._start + 2] == b"\r\n":
                self._settle(b"", buffer[self._start :])
                return True
            mbox = _MBOX_LINE.match(buffer, self._start)
            if mbox is None:
                self._judged = True
                break
            self._start = mbox.end()
        if not self._judged and len(buffer) - self._start <= self._limit:
            return False
        self._judged = True
        if self._begins_with_field(buffer):
            return False
        self._settle(b"", b"\r\n" + buffer[self._start :])
        return True

    def _begins_with_field(self, buffer: bytes | bytearray) -> bool:
        return _NAME.match(buffer, self._start) is not None

    def _settle(self, header: bytes | bytearray, rest: bytes | bytearray) -> None:
        self.header = bytes(header)
        self.rest = bytes(rest)
        self._buffer = bytearray()


def examine(header: bytes, hostname: str) -> HeaderFacts:
    """Count and find the fields that matter on arrival. Lines that are no field count as one and are left alone."""
    facts = HeaderFacts()
    position, size = 0, len(header)
    while position < size:
        facts.fields += 1
        found = _FIELD.match(header, position)
        if found is None:
            newline = header.find(b"\r\n", position)
            position = newline + 2 if newline >= 0 else size
            continue
        name = found[1].lower()
        if name in _COUNTED:
            _note(facts, name, found, hostname)
        position = found.end()
    return facts


def _note(facts: HeaderFacts, name: bytes, found: re.Match[bytes], hostname: str) -> None:
    if name == b"received":
        facts.received += 1
        if _written_by(found[0], hostname):
            facts.own_received += 1
    elif name == b"return-path":
        facts.foreign_paths.append(found.span())
    elif name == b"date":
        facts.date = True
    elif name == b"message-id":
        facts.message_id = True
    elif name == b"from":
        facts.authors.append(_value(found))
    elif name == b"sender":
        facts.senders.append((_value(found), *found.span()))
    elif name == b"mt-priority":
        number = _PRIORITY.fullmatch(_value(found))
        facts.priority = int(number[1]) if number is not None else None
    else:
        facts.composite = (
            found[0][len(name) :].lstrip(b" \t:\r\n").lower().startswith((b"multipart/", b"message/"))
        )


def _value(found: re.Match[bytes]) -> bytes:
    return found[0].partition(b":")[2]


def _written_by(received: bytes, hostname: str) -> bool:
    """Whether this Received field says ``by`` our host name."""
    words = received.lower().split()
    return any(
        word == b"by" and following.rstrip(b";") == hostname.lower().encode()
        for word, following in pairwise(words)
    )


def without(header: bytes, spans: list[tuple[int, int]]) -> bytes:
    """The header without these fields."""
    kept = []
    position = 0
    for start, end in spans:
        kept.append(header[position:start])
        position = end
    kept.append(header[position:])
    return b"".join(kept)
