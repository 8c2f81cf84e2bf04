"""The third part of a notice: the message it is about, or its header (RFC 6522, RFC 3461 4.3)."""

from __future__ import annotations

import re
from binascii import b2a_qp
from dataclasses import dataclass

from posthouse.deliver.dsn.fields import clean, lines_safe
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import fields, get, header_end
from posthouse.mail.mime import Buffer

MAX_HEADER = 64 * 1024
"""Bytes of a header that come back; further fields are left out."""

_MESSAGE_ID = re.compile(rb"<[!-;=?-~]{1,250}>")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_NOT_SAFE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Original:
    """What a notice needs to know of its message. ``message_id`` with its angle brackets, "" where there is none that
    may be repeated; ``subject`` decoded, for people."""

    header: bytes
    message_id: str = ""
    subject: str = ""


def read_original(buffer: Buffer | None) -> Original:
    """The header of a message and what the notice repeats of it."""
    if buffer is None:
        return Original(b"")
    header = bytes(buffer[: min(header_end(buffer), MAX_HEADER + 1)])
    if len(header) > MAX_HEADER:
        header = _first_fields(header[:MAX_HEADER])
    found = _MESSAGE_ID.fullmatch((get(header, b"message-id") or b"").strip())
    subject = get(header, b"subject") or b""
    return Original(
        header,
        found[0].decode("ascii") if found else "",
        " ".join(clean(decode_words(subject[:2000]), 200).split()),
    )


def _first_fields(header: bytes) -> bytes:
    """The fields that are there whole."""
    whole = list(fields(header))[:-1]
    return header[: whole[-1].end] if whole else b""


@dataclass(frozen=True, slots=True)
class Returned:
    """The part as it stands in the notice: Content-* fields and content. ``whole``: it is the message, not only its
    header. ``eight_bit``: it has bytes above 127 and cannot be encoded (RFC 2046 5.2.1 allows no encoding)."""

    fields: str
    content: bytes
    whole: bool = False
    eight_bit: bool = False


def returned_whole(buffer: Buffer, most: int) -> Returned | None:
    """The whole message as message/rfc822; None where it is too large, or has lines that cannot be sent."""
    if len(buffer) > most:
        return None
    content = bytes(buffer)
    header = content[: header_end(content)]
    if not header.isascii() or not lines_safe(content):
        return None
    eight_bit = not content.isascii()
    encoding = "Content-Transfer-Encoding: 8bit\r\n" if eight_bit else ""
    return Returned(f"Content-Type: message/rfc822\r\n{encoding}", content, True, eight_bit)


def returned_header(original: Original, *, utf8: bool) -> Returned | None:
    """The header as text/rfc822-headers or, for an internationalised message, message/global-headers (RFC 6533 6);
    encoded where it is not plain. None without one."""
    header = _LINE_END.sub(b"\r\n", original.header).rstrip(b"\r\n")
    if not header:
        return None
    header = _NOT_SAFE.sub(b"?", header) + b"\r\n"
    if header.isascii() and lines_safe(header):
        return Returned("Content-Type: text/rfc822-headers\r\n", header)
    kind = "text/rfc822-headers; charset=utf-8"
    if utf8 and _is_utf8(header):
        kind = "message/global-headers"
    return Returned(
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: quoted-printable\r\n", quoted_printable(header)
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def quoted_printable(data: bytes) -> bytes:
    """Text with CRLF lines, encoded (RFC 2045 6.7); ends in CRLF."""
    encoded = b2a_qp(data.replace(b"\r\n", b"\n"), istext=True)
    return encoded.replace(b"\n", b"\r\n")
