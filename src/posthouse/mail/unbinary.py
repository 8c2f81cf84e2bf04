"""Parts whose content is binary (RFC 2045 2.9), put into base64.

Such a part may hold NUL octets, and CR and LF alone. IMAP's BODY[] cannot show a NUL, POP3 knows lines only, and few
servers take BODY=BINARYMIME. So the body of each such part is encoded, its header says so, and everything around stays
as it was.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from posthouse.mail.mime import Buffer, Part, scan

_FIELD = re.compile(
    rb"^(content-transfer-encoding[ \t]*:)((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE
)
_BLOCK = 57 * 1024
"""Octets encoded at a time; a multiple of what one line of base64 holds."""


def encoded(message: Buffer) -> Iterator[bytes]:
    """The message with its binary parts in base64, piece by piece."""
    at = 0
    for part in _binary_leaves(scan(message)):
        yield from _plain(message, at, part.start)
        yield _FIELD.sub(rb"\1 base64", bytes(message[part.start : part.body]))
        for begin in range(part.body, part.end, _BLOCK):
            yield _lines(bytes(message[begin : min(begin + _BLOCK, part.end)]))
        at = part.end
    yield from _plain(message, at, len(message))


def _plain(message: Buffer, start: int, end: int) -> Iterator[bytes]:
    for begin in range(start, end, 1 << 20):
        yield bytes(message[begin : min(begin + (1 << 20), end)])


def _lines(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")[: None if len(data) == _BLOCK else -2]


def _binary_leaves(part: Part) -> Iterator[Part]:
    """The parts without parts of their own that say they are binary, in order."""
    if part.children:
        for child in part.children:
            yield from _binary_leaves(child)
    elif part.message is not None:
        yield from _binary_leaves(part.message)
    elif part.encoding == "binary":
        yield part
