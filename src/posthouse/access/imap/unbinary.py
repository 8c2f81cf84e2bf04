"""Messages appended with NUL octets (BINARY, RFC 3516 4.4): binary parts are kept in base64.

A message part may be sent with ``Content-Transfer-Encoding: binary`` in a literal8. Kept like that it could not be
shown by BODY[], whose octets may be anything but NUL. So the body of each such part is encoded, its header says so,
and everything around stays as it was.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator

from posthouse.bodies.contract import Spool
from posthouse.mail.mime import Buffer, Part, scan

_FIELD = re.compile(
    rb"^(content-transfer-encoding[ \t]*:)((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE
)
_BLOCK = 57 * 1024
"""Octets encoded at a time; a multiple of what one line of base64 holds."""


async def without_nul(message: Buffer, spool: Spool) -> None:
    """Write the message to the spool with its binary parts in base64. Raises ValueError when a NUL stands where no
    encoding can take it away."""
    await asyncio.to_thread(_write, message, spool)


def _write(message: Buffer, spool: Spool) -> None:
    at = 0
    for part in _binary_leaves(scan(message)):
        header = message[part.start : part.body]
        _put(spool, message[at : part.start])
        _put(spool, _FIELD.sub(rb"\1 base64", header))
        for begin in range(part.body, part.end, _BLOCK):
            _put(spool, _lines(message[begin : min(begin + _BLOCK, part.end)]))
        at = part.end
    for begin in range(at, len(message), 1 << 20):
        _put(spool, message[begin : begin + (1 << 20)])


def _put(spool: Spool, data: bytes) -> None:
    if 0 in data:
        raise ValueError("There is a NUL outside of the binary parts")
    spool.write(data)


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
