"""The message of a local program: read from standard input, completed, its recipients found."""

from __future__ import annotations

import re
from email.utils import formataddr
from typing import BinaryIO

from posthouse.mail import headers
from posthouse.mail.addresses import parse_addresses

LARGEST = 1 << 30
"""Bytes read at most; the server's own limit is lower."""

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_MBOX = re.compile(rb"From [^\n]*\n")
_RECIPIENTS = (b"to", b"cc", b"bcc")


class TooLarge(Exception):
    """More than anybody takes."""


def read(source: BinaryIO, *, dot_ends: bool) -> bytes:
    """The message, with LF lines; up to a line with a single dot unless told otherwise."""
    content = source.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise TooLarge
    content = content.replace(b"\r\n", b"\n")
    if dot_ends:
        if content.startswith(b".\n"):
            content = b""
        end = content.find(b"\n.\n")
        if end >= 0:
            content = content[: end + 1]
        elif content.endswith(b"\n."):
            content = content[:-1]
    found = _MBOX.match(content)
    return content[found.end() :] if found else content


def split(message: bytes) -> tuple[bytes, bytes]:
    """Header and body, apart. Text that does not begin with a field has no header."""
    if message.startswith(b"\n"):
        return b"", message[1:]
    if not _FIELD.match(message):
        return b"", message
    head, _, body = message.partition(b"\n\n")
    return head.rstrip(b"\n") + b"\n", body


def recipients(head: bytes) -> list[str]:
    """Whom the header names (-t)."""
    found = []
    for name in _RECIPIENTS:
        for value in headers.get_all(head, name):
            for entry in parse_addresses(value):
                if entry.mailbox and entry.host and b"MISSING_" not in entry.mailbox:
                    local, host = (
                        entry.mailbox.decode("utf-8", "replace"),
                        entry.host.decode("utf-8", "replace"),
                    )
                    found.append(local if host == "MISSING_DOMAIN" else f"{local}@{host}")
    return list(dict.fromkeys(found))


def without_bcc(head: bytes, body: bytes) -> bytes:
    """The message as it is sent."""
    return headers.remove(head, b"bcc") + b"\n" + body


def with_author(message: bytes, address: str, name: str) -> bytes:
    """The message (CRLF lines) with a From, if it had none."""
    head = message.partition(b"\r\n\r\n")[0]
    if headers.get(head + b"\r\n", b"from") is not None:
        return message
    return f"From: {formataddr((name, address))}\r\n".encode() + message
