"""The offset scanner: where each part of a message begins and ends (RFC 2045, 2046, RFC 5322).

One pass over the raw bytes builds a tree of :class:`Part` with byte offsets; nothing is decoded or copied.
Whatever arrives gets a tree: broken boundaries, missing headers and hostile nesting never raise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from mmap import mmap
from typing import NamedTuple, TypeAlias

from posthouse.mail.parameters import merged, parse_disposition, parse_token_and_parameters, tokens

Buffer: TypeAlias = bytes | mmap
"""A whole message: bytes for small ones, a memory map for files. Scanners use find, slices and regexes only."""

MAX_BOUNDARY = 80
"""Boundaries are compared by their first 80 bytes (RFC 2046 5.1.1 allows 70)."""

_MAX_LINE = MAX_BOUNDARY + 120
_COUNT_CHUNK = 1 << 20
_BLANK_LINE = re.compile(rb"\n\r?\n")
_CONTENT_FIELD = re.compile(
    rb"^content-(type|transfer-encoding|id|description|disposition|md5|language|location)[ \t]*:"
    rb"([^\n]*+(?:\n[ \t][^\n]*+)*+)",
    re.MULTILINE | re.IGNORECASE,
)
_FOLD = re.compile(rb"\r?\n")
_MESSAGE_SUBTYPES = ("rfc822", "global")


@dataclass(slots=True)
class Part:
    """One MIME part; offsets count from the start of the scanned buffer.

    ``start`` is where its MIME header begins, ``body`` where its body begins (after the blank line), ``end``
    where its body ends (before the CRLF that belongs to the boundary). ``lines`` counts the lines of the body
    as IMAP's BODYSTRUCTURE wants it (text and embedded messages; 0 elsewhere). ``type`` and ``subtype``,
    ``encoding`` (empty: none given), ``disposition`` and the names of parameters are lower case. ``params`` hold
    raw, unfolded values (RFC 2231 pieces left as they are: see ``mail.parameters``). ``children`` are a multipart's
    parts; ``message`` is the embedded message of message/rfc822 and message/global.
    """

    start: int
    body: int
    end: int
    lines: int = 0
    type: str = "text"
    subtype: str = "plain"
    params: list[tuple[str, bytes]] = field(default_factory=list)
    encoding: str = ""
    content_id: bytes | None = None
    description: bytes | None = None
    md5: bytes | None = None
    disposition: str | None = None
    disposition_params: list[tuple[str, bytes]] = field(default_factory=list)
    language: list[bytes] = field(default_factory=list)
    location: bytes | None = None
    children: list[Part] = field(default_factory=list)
    message: Part | None = None


def scan(buffer: Buffer, *, max_depth: int = 64, max_parts: int = 5000) -> Part:
    """Scan a whole message and return its root part. Never raises on content; past the limits, parts are leaves."""
    return _Scanner(buffer, max_depth, max_parts).part(0, 0, "")[0]


class _Hit(NamedTuple):
    """A boundary line: whose it is (index in the stack of open boundaries), whether it closes, where the line begins,
    where the content before it ends, where the next line begins."""

    owner: int
    closing: bool
    line: int
    content_end: int
    next: int


class _Scanner:
    """One scan: the buffer, the boundaries of the multiparts that are open, and what is left of the limits."""

    __slots__ = (
        "_blank_end",
        "_blank_from",
        "_blank_start",
        "boundaries",
        "buffer",
        "depth",
        "left",
        "needle",
        "size",
    )

    def __init__(self, buffer: Buffer, max_depth: int, max_parts: int) -> None:
        self.buffer = buffer
        self.size = len(buffer)
        self.depth = max_depth
        self.left = max_parts
        self.boundaries: list[bytes] = []
        self.needle = b""
        self._blank_from = self._blank_start = self._blank_end = -1

    def part(self, start: int, level: int, default: str) -> tuple[Part, _Hit | None]:
        """Scan the part whose header begins at ``start``; return it and the boundary line that ended it (None: the
        buffer's end). ``default`` is the subtype of message parts without Content-Type in a digest, else empty."""
        self.left -= 1
        body = self._header_end(start)
        hit = self._next_boundary(start, body) if self.boundaries else None
        if hit is not None:  # the header is cut off
            body = max(hit.content_end, start)
        part = Part(start, body, body)
        if default:
            part.type, part.subtype = "message", default
        if body > start:
            _read_fields(part, self.buffer[start:body])
        embeds = part.type == "message" and part.subtype in _MESSAGE_SUBTYPES
        if hit is None:
            if level >= self.depth or self.left <= 0:
                hit = self._next_boundary(body, self.size)
            elif part.type == "multipart":
                hit = self._multipart(part, level)
            elif embeds:
                part.message, hit = self.part(body, level + 1, "")
            else:
                hit = self._next_boundary(body, self.size)
        elif embeds:
            part.message = Part(body, body, body)
        self._settle_end(part, hit)
        if part.type == "text" or part.message is not None:
            part.lines = self._lines(part.body, part.end)
        return part, hit

    def _settle_end(self, part: Part, hit: _Hit | None) -> None:
        """Say where a part ends. The line end before a boundary line is the boundary's (RFC 2046 5.1.1), even where it
        would have to serve as the blank line after the header too."""
        if hit is None:
            part.end = self.size
            return
        if hit.content_end < part.body and not part.children:
            part.body = max(hit.content_end, part.start)
            if part.message is not None:
                part.message = Part(part.body, part.body, part.body)
        part.end = max(hit.content_end, part.body)
        if part.children:
            part.end = max(part.end, part.children[-1].end)

    def _multipart(self, part: Part, level: int) -> _Hit | None:
        """Scan the children of a multipart, from its preamble to its epilogue."""
        boundary = _boundary(part)
        if not boundary:
            return self._next_boundary(part.body, self.size)
        mine = len(self.boundaries)
        default = "rfc822" if part.subtype == "digest" else ""
        self._set_boundaries([*self.boundaries, boundary])
        hit = self._next_boundary(part.body, self.size)
        while hit is not None and hit.owner == mine and not hit.closing:
            if hit.next == self.size and self.buffer[self.size - 1 :] != b"\n":
                hit = None  # the delimiter itself is cut off: no part begins (RFC 2046 5.1.1 wants its CRLF)
                break
            child, hit = self.part(hit.next, level + 1, default)
            part.children.append(child)
        self._set_boundaries(self.boundaries[:mine])
        if hit is not None and hit.owner == mine:
            hit = self._next_boundary(hit.next, self.size)
        return hit

    def _set_boundaries(self, boundaries: list[bytes]) -> None:
        """Change the stack. What is searched for is the longest prefix all open boundaries share, so that the search
        itself stays in C and most lines of dashes are never looked at."""
        self.boundaries = boundaries
        if not boundaries:
            return
        low, high = min(boundaries), max(boundaries)
        length = 0
        for one, other in zip(low, high, strict=False):
            if one != other:
                break
            length += 1
        self.needle = b"\n--" + low[:length]

    def _next_boundary(self, start: int, stop: int) -> _Hit | None:
        """The first boundary line of any open multipart that begins at or after ``start`` (the beginning of a line) and
        before ``stop``."""
        boundaries = self.boundaries
        if not boundaries or self.left <= 0:
            return None
        buffer, needle = self.buffer, self.needle
        # The needle starts at the end of the line before; it may reach over ``stop`` by its own length.
        reach = min(stop + len(needle), self.size)
        at = buffer.find(needle, max(start - 1, 0), reach)
        while at >= 0 and at + 1 < stop:
            line = buffer[at + 3 : at + 3 + _MAX_LINE]
            newline = line.find(b"\n")
            if newline >= 0:
                line = line[:newline]
            owner, closing = self._owner(line.rstrip(b" \t\r"))
            if owner >= 0:
                return self._hit(at, owner, closing)
            at = buffer.find(needle, at + 1, reach)
        return None

    def _owner(self, line: bytes) -> tuple[int, bool]:
        """Whose boundary line this is (-1: nobody's) and whether it closes. A boundary need only begin the line (RFC
        2046 5.1.1); of several that do, the longest wins, except that a full match (with or without the closing dashes)
        of the innermost ends the search."""
        best, length = -1, -1
        boundaries = self.boundaries
        for index in range(len(boundaries) - 1, -1, -1):
            boundary = boundaries[index]
            if len(boundary) > length and line.startswith(boundary):
                best, length = index, len(boundary)
                rest = line[length:]
                if not rest or rest == b"--":
                    break
        return best, best >= 0 and line.startswith(b"--", length)

    def _hit(self, at: int, owner: int, closing: bool) -> _Hit:
        buffer = self.buffer
        newline = buffer.find(b"\n", at + 1)
        content_end = at - 1 if at > 0 and buffer[at - 1 : at] == b"\r" else at
        return _Hit(owner, closing, at + 1, content_end, self.size if newline < 0 else newline + 1)

    def _header_end(self, start: int) -> int:
        """Where the header beginning at ``start`` ends. The last blank line found is remembered, so that many parts
        without one cost one search, not one each."""
        first = self.buffer[start : start + 2]
        if first[:1] == b"\n":
            return start + 1
        if first == b"\r\n":
            return start + 2
        if not self._blank_from <= start <= self._blank_start:
            found = _BLANK_LINE.search(self.buffer, start)
            self._blank_from = start
            self._blank_start, self._blank_end = found.span() if found else (self.size, self.size)
        return self._blank_end

    def _lines(self, start: int, end: int) -> int:
        """Line ends between two offsets."""
        buffer = self.buffer
        if isinstance(buffer, bytes):
            return buffer.count(b"\n", start, end)
        return sum(
            buffer[at : min(at + _COUNT_CHUNK, end)].count(b"\n") for at in range(start, end, _COUNT_CHUNK)
        )


def _boundary(part: Part) -> bytes:
    """A multipart's boundary, cut to what is compared; empty if it has none."""
    for name, value in merged(part.params):
        if name == "boundary":
            return value[:MAX_BOUNDARY].rstrip(b" \t")
    return b""


def _read_fields(part: Part, header: bytes) -> None:
    """Fill in what the Content-* fields say; of repeated fields the first that can be understood counts (of
    Content-Disposition the last, which is where the file name is found in practice)."""
    settled: set[bytes] = set()
    for name, value in _CONTENT_FIELD.findall(header):
        key = name.lower()
        if key in settled:
            continue
        if b"\n" in value:
            value = _FOLD.sub(b"", value)
        if _FIELD_READERS[key](part, value.lstrip(b" \t").removesuffix(b"\r")):
            settled.add(key)


def _read_type(part: Part, value: bytes) -> bool:
    words, params = parse_token_and_parameters(value, slash=True)
    if words is None:  # RFC 2045 5.2: what cannot be understood is text/plain in US-ASCII
        part.type, part.subtype = "text", "plain"
        return False
    part.type, _, part.subtype = words.partition("/")
    part.params = params
    return True


def _read_encoding(part: Part, value: bytes) -> bool:
    words, _ = parse_token_and_parameters(value, parameters=False)
    part.encoding = words or ""
    return words is not None


def _read_disposition(part: Part, value: bytes) -> bool:
    part.disposition, part.disposition_params = parse_disposition(value)
    return False


def _read_language(part: Part, value: bytes) -> bool:
    part.language = tokens(value)
    return True


def _read_id(part: Part, value: bytes) -> bool:
    part.content_id = value
    return True


def _read_description(part: Part, value: bytes) -> bool:
    part.description = value
    return True


def _read_md5(part: Part, value: bytes) -> bool:
    part.md5 = value
    return True


def _read_location(part: Part, value: bytes) -> bool:
    part.location = value
    return True


_FIELD_READERS = {
    b"type": _read_type,
    b"transfer-encoding": _read_encoding,
    b"disposition": _read_disposition,
    b"language": _read_language,
    b"id": _read_id,
    b"description": _read_description,
    b"md5": _read_md5,
    b"location": _read_location,
}
