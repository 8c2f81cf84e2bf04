"""Content-Transfer-Encoding undone (RFC 2045 6), leniently: damaged data gives what can be saved of it."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_IDENTITY = frozenset({"", "7bit", "8bit", "binary"})
_BLANKS_BEFORE_LINE_END = re.compile(rb"[ \t]+(?=\r?\n)|[ \t]+\Z")


def known(encoding: str) -> bool:
    """Whether a transfer encoding (lower case, empty for none) can be undone."""
    return encoding in _IDENTITY or encoding in ("base64", "quoted-printable")


def decode_transfer(data: bytes, encoding: str) -> bytes | None:
    """The content behind a transfer encoding; None when the encoding is unknown (IMAP: UNKNOWN-CTE)."""
    if encoding in _IDENTITY:
        return data
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    return None


def decode_base64(data: bytes) -> bytes:
    """Base64 with foreign characters skipped (RFC 2045 6.8), missing padding supplied, and several padded pieces
    decoded one after the other."""
    end = data.find(b"=")
    if end < 0 or not data[end:].strip(b"= \t\r\n"):
        try:
            return a2b_base64(data)
        except Error:
            return _decode_piece(data if end < 0 else data[:end])
    return b"".join(_decode_piece(piece) for piece in data.split(b"=") if piece)


def _decode_piece(piece: bytes) -> bytes:
    """One run of base64 without padding; a last single character, which holds no whole byte, is dropped."""
    piece = _NOT_BASE64.sub(b"", piece)
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    return a2b_base64(piece + b"=" * (-len(piece) % 4))


def decode_quoted_printable(data: bytes) -> bytes:
    """Quoted-printable; an equals sign that begins no code stands for itself, blanks before a line's end go (RFC 2045
    6.7)."""
    if (
        b" \r\n" in data
        or b" \n" in data
        or b"\t\r\n" in data
        or b"\t\n" in data
        or data[-1:] in (b" ", b"\t")
    ):
        data = _BLANKS_BEFORE_LINE_END.sub(b"", data)
    return a2b_qp(data)
