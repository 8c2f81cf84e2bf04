"""What a bounce tells of a recipient, and how the parts of a bounce are got at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from posthouse.deliver.dsn.cause import HARD, Cause
from posthouse.deliver.dsn.fields import clean, from_orcpt
from posthouse.mail.charsets import decode
from posthouse.mail.headers import get
from posthouse.mail.mime import Buffer, Part
from posthouse.mail.transfer import decode_transfer

MAX_RECIPIENTS = 1000
MAX_READ = 1 << 20
"""Bytes of a report, or of a text, that are read."""

_MESSAGE_ID = re.compile(rb"<[^<>\s]{1,250}>")


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """One recipient a bounce is about. ``recipient`` is the address as it was first written where the bounce tells
    ("" where it tells none), ``final`` the one that failed in the end. ``action`` is that of RFC 3464 2.3.3
    (``failed`` where the bounce is no report). ``envid`` and ``message_id`` (with angle brackets) name the message; ""
    where unknown."""

    recipient: str
    cause: Cause
    action: str = "failed"
    status: str = ""
    said: str = ""
    final: str = ""
    remote: str = ""
    envid: str = ""
    message_id: str = ""

    @property
    def hard(self) -> bool:
        """Whether the next message would come back too."""
        return self.action == "failed" and self.cause in HARD


def walk(part: Part) -> Iterator[Part]:
    """A part and those below it, not those of an embedded message."""
    yield part
    for child in part.children:
        yield from walk(child)


def parts_of(root: Part) -> Iterator[Part]:
    """The leaves of a message, those of embedded messages left out."""
    return (part for part in walk(root) if not part.children)


def content_of(message: Buffer, part: Part) -> bytes:
    """The content of a part, decoded, cut to what is read."""
    data = bytes(message[part.body : min(part.end, part.body + MAX_READ)])
    decoded = decode_transfer(data, part.encoding)
    return data if decoded is None else decoded


def text_of(message: Buffer, part: Part) -> str:
    """The text of a part, cut to what is read."""
    charset = next((value for name, value in part.params if name == "charset"), b"")
    return decode(content_of(message, part), charset.decode("latin-1"))


def id_in(header: bytes, name: bytes = b"message-id") -> str:
    """The id in a field, with angle brackets; "" where there is none."""
    found = _MESSAGE_ID.search((get(header, name) or b"")[:1000])
    return found[0].decode("ascii", "replace") if found else ""


def address_in(value: str) -> str:
    """The address of ``rfc822; anna@example.org``, with or without type and angle brackets; "" where there is none."""
    kind, semicolon, address = value.partition(";")
    address = from_orcpt(f"{kind.strip()};{address.strip()}")[1] if semicolon else value
    address = clean(address, 400).strip().strip("<>").removeprefix("smtp:").strip()
    return address if "@" in address and " " not in address else ""
