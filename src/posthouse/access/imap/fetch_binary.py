"""BINARY: undoing a transfer encoding piece by piece, so that a large attachment is never in memory whole
(RFC 3516)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from posthouse.mail.mime import Buffer
from posthouse.mail.transfer import decode_base64, decode_quoted_printable, decode_transfer

PIECE = 256 * 1024
"""Encoded octets decoded at a time."""

_LOOK_BACK = 1000
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_SAFE_END = re.compile(rb"[^=][^= \t\r\n]\Z")


def decoded(buffer: Buffer, start: int, end: int, encoding: str) -> Iterator[bytes]:
    """The content of ``buffer[start:end]`` in pieces. The encoding is one that ``mail.transfer`` knows."""
    if end - start <= PIECE:
        data = decode_transfer(buffer[start:end], encoding)
        assert data is not None
        yield data
    elif encoding == "base64":
        yield from _base64(buffer, start, end)
    elif encoding == "quoted-printable":
        yield from _quoted_printable(buffer, start, end)
    else:
        for at in range(start, end, PIECE):
            yield buffer[at : min(at + PIECE, end)]


def _base64(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Groups of four letters; padding ends a run, and the next letter begins a new one."""
    held = b""
    for at in range(start, end, PIECE):
        held += _NOT_BASE64.sub(b"", buffer[at : min(at + PIECE, end)])
        padding = held.rfind(b"=") + 1
        if padding:
            yield decode_base64(held[:padding])
            held = held[padding:]
        whole = len(held) // 4 * 4
        if whole:
            yield decode_base64(held[:whole])
            held = held[whole:]
    if held:
        yield decode_base64(held)


def _quoted_printable(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Cut behind line ends, and within lines that are longer than a piece where it does no harm."""
    at = start
    while at < end:
        stop = min(at + PIECE, end)
        if stop < end:
            cut = buffer.rfind(b"\n", at, stop) + 1
            if cut > at:
                stop = cut
            else:
                stop = _safe_cut(buffer, stop)
        yield decode_quoted_printable(buffer[at:stop])
        at = stop


def _safe_cut(buffer: Buffer, stop: int) -> int:
    """A place shortly before ``stop`` where neither a code nor blanks before a line's end are torn; ``stop`` itself in
    garbage that has none."""
    for cut in range(stop, stop - _LOOK_BACK, -1):
        if _SAFE_END.search(buffer[cut - 2 : cut]):
            return cut
    return stop
