"""Which fields of a header a signature covers, and the text that is signed for them (RFC 6376 3.7, 5.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from posthouse.mail import headers
from posthouse.mail.headers import Field
from posthouse.mail.mime import Buffer
from posthouse.origin.canonical import Form, relaxed_field

MAX_HEADER = 1024 * 1024
"""Bytes of a header that is signed or verified."""

OVERSIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"reply-to",
    b"sender",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
"""Signed once more than they stand there: nobody can add another one. What people and programs show or obey."""

SIGNED = (
    b"content-disposition",
    b"content-description",
    b"content-id",
    b"content-language",
    b"autocrypt",
    b"disposition-notification-to",
    b"list-id",
    b"list-help",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
    b"resent-date",
    b"resent-from",
    b"resent-sender",
    b"resent-to",
    b"resent-cc",
    b"resent-message-id",
)
"""Signed where they are there. A list that adds its own does not break a signature by that."""

MOST_OF_A_NAME = 50
"""Fields of one name that are signed: a header with more of them is not ours to vouch for."""

_B = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


class HeaderTooLong(ValueError):
    """The header is larger than MAX_HEADER."""


class Header:
    """The header of a message, ready to be signed and verified. ``body_start`` is where the body begins."""

    __slots__ = ("_by_name", "body_start", "fields", "raw")

    def __init__(self, message: Buffer, prefix: bytes = b"") -> None:
        """``prefix`` are fields put before the message. Raises HeaderTooLong."""
        self.body_start = headers.header_end(message)
        if self.body_start + len(prefix) > MAX_HEADER:
            raise HeaderTooLong(f"the header has more than {MAX_HEADER} bytes")
        self.raw = prefix + message[: self.body_start]
        self.fields: list[Field] = list(headers.fields(self.raw))
        self._by_name: dict[bytes, list[Field]] = {}
        for field in self.fields:
            self._by_name.setdefault(field.name.lower(), []).append(field)

    def all(self, name: bytes) -> list[Field]:
        """The fields of this lower-case name, topmost first."""
        return self._by_name.get(name, [])

    def to_sign(self) -> list[bytes]:
        """The names for ``h=``: what is there, and each of :data:`OVERSIGNED` once more."""
        names: list[bytes] = []
        for name in OVERSIGNED:
            names += [name] * (min(len(self.all(name)), MOST_OF_A_NAME) + 1)
        for name in SIGNED:
            names += [name] * min(len(self.all(name)), MOST_OF_A_NAME)
        return names

    def signed_text(self, names: Iterable[bytes], form: Form) -> bytes:
        """The fields that ``h=`` names, from the last of each name upwards, each with its CRLF; a name that has no
        (more) field stands for nothing (RFC 6376 5.4.2)."""
        taken: dict[bytes, int] = {}
        pieces: list[bytes] = []
        for given in names:
            name = given.lower()
            there = self._by_name.get(name)
            if there is None:
                continue
            count = taken.get(name, 0)
            if count < len(there):
                taken[name] = count + 1
                pieces.append(self.canonical(there[-1 - count], form) + b"\r\n")
        return b"".join(pieces)

    def canonical(self, field: Field, form: Form) -> bytes:
        """One field without its last CRLF."""
        if form == "relaxed":
            return relaxed_field(field.name, field.value)
        return _bare(self.raw[field.start : field.end])

    def unsigned(self, field: Field, form: Form) -> bytes:
        """A signature field as it is signed itself: with an empty ``b=``."""
        emptied = _B.sub(rb"\1", field.value, count=1)
        if form == "relaxed":
            return relaxed_field(field.name, emptied)
        raw = _bare(self.raw[field.start : field.end])
        return raw[: len(raw) - len(field.value)] + emptied


def _bare(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")
