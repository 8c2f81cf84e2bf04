"""A message in the maildrop: what ``posthouse sendmail`` leaves there for the server.

The file begins with one line of JSON, the envelope; the message follows as it was given. Its name ends in ``.mail``
once it is complete.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from posthouse.mail import headers
from posthouse.mail.addresses import MISSING_DOMAIN, parse_addresses

SUFFIX = ".mail"
MAX_ENVELOPE = 256 * 1024
"""Bytes of the first line."""

NAME = re.compile(r"[0-9]{1,20}\.[0-9a-f]{32}\.mail")
"""What a complete file is called: microseconds since 1970, a number nobody guesses."""

_LINE_END = re.compile(rb"\r\n|\r|\n")


class Dropped(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The envelope. ``sender`` "" leaves it to the server (the user's own address), ``<>`` is the null path.
    ``notify``, ``ret`` and ``envid`` as in RFC 3461. ``name`` is the user's own, for a From that the message lacks.
    Addresses may lack their domain."""

    version: int = 1
    sender: str = ""
    name: str = ""
    recipients: tuple[str, ...]
    notify: tuple[str, ...] = ()
    ret: str = ""
    envid: str = ""


class Complete(NamedTuple):
    """A whole file: the envelope, the message with CRLF lines."""

    envelope: Dropped
    message: bytes


def write(envelope: Dropped, message: bytes) -> bytes:
    """The content of the file."""
    return msgspec.json.encode(envelope) + b"\n" + message


def read(content: bytes) -> Complete:
    """A file's content. Raises ValueError for what is none."""
    line, newline, message = content.partition(b"\n")
    if not newline or len(line) > MAX_ENVELOPE:
        raise ValueError("there is no envelope")
    try:
        envelope = msgspec.json.decode(line, type=Dropped)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the envelope is not understood: {error}") from None
    if envelope.version != 1 or not envelope.recipients:
        raise ValueError("it has no recipients" if envelope.version == 1 else "it is of another version")
    return Complete(envelope, with_crlf(message))


def qualified(address: str, domain: str) -> str:
    """An address of a local program: one without a domain is of ours."""
    return address if "@" in address else f"{address}@{domain}"


def with_domain(message: bytes, domain: str) -> bytes:
    """The message (CRLF lines), its From with our domain where that names a local user only (``root``)."""
    head, empty, body = message.partition(b"\r\n\r\n")
    found = [field for field in headers.fields(head + b"\r\n") if field.name.lower() == b"from"]
    if len(found) != 1:
        return message
    entries = parse_addresses(headers.unfold(found[0].value))
    if len(entries) != 1 or entries[0].host != MISSING_DOMAIN or not entries[0].mailbox:
        return message
    address = f"{entries[0].mailbox.decode('utf-8', 'replace')}@{domain}".encode()
    name = entries[0].name
    field = b'From: "%b" <%b>' % (name, address) if name else b"From: %b" % address
    start, end = found[0].start, found[0].end
    return (head + b"\r\n")[:start] + field + b"\r\n" + ((head + b"\r\n")[end:] + empty[2:]) + body


def with_crlf(message: bytes) -> bytes:
    """The message with its line ends as mail has them."""
    return _LINE_END.sub(b"\r\n", message)
