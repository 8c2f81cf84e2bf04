"""A message on its way out: in pieces, never copied whole, with its dots (RFC 5321 4.5.2) or counted (RFC 3030)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from posthouse.mail.mime import Buffer

PIECE = 65536
_NOT_LINES = re.compile(rb"\x00|\r(?!\n)|(?<!\r)\n")


def pieces(prefix: bytes, body: Buffer) -> Iterator[bytes]:
    """Prefix and body as they are, in pieces of about :data:`PIECE` bytes."""
    if len(prefix) + len(body) <= PIECE:
        whole = prefix + body[:]
        if whole:
            yield whole
        return
    if prefix:
        yield prefix
    for at in range(0, len(body), PIECE):
        yield body[at : at + PIECE]


def dotted(prefix: bytes, body: Buffer) -> Iterator[bytes]:
    """The same as it follows 354, with the end. Dots are doubled after every LF, so that no server, however it reads
    line ends, can take a line of the message for its end."""
    fresh = True
    last = b"\n"
    for piece in pieces(prefix, body):
        if fresh and piece[:1] == b".":
            piece = b"." + piece
        fresh = piece[-1:] == b"\n"
        last = piece[-1:]
        yield piece.replace(b"\n.", b"\n..") if piece.find(b"\n.") >= 0 else piece
    yield b".\r\n" if last == b"\n" else b"\r\n.\r\n"


def only_lines(prefix: bytes, body: Buffer) -> bool:
    """Whether this is lines of text that end in CRLF (however long), without NULs: what DATA can carry."""
    return _NOT_LINES.search(prefix) is None and _NOT_LINES.search(body) is None
