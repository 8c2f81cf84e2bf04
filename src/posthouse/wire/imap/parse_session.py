"""Commands about the session itself: ID, ENABLE, AUTHENTICATE, LOGIN, COMPRESS (RFC 9051 6.1 to 6.3.1)."""

from __future__ import annotations

import binascii

from posthouse.wire.imap.cursor import Bad, Cursor
from posthouse.wire.imap.syntax import Authenticate, Compress, Enable, Id, Login

MAX_ID_FIELDS = 30
MAX_ID_NAME = 30
MAX_ID_VALUE = 1024
"""The limits of RFC 2971 3.3."""


def parse_id(cursor: Cursor) -> Id:
    """``ID NIL`` or ``ID ("name" "value" …)``."""
    cursor.space()
    if cursor.text[cursor.position :].upper() == b"NIL":
        return Id(None)
    cursor.expect(b"(", "NIL or a parenthesised list")
    fields: list[tuple[bytes, bytes | None]] = []
    while not cursor.take(b")"):
        if fields:
            cursor.space()
        name = cursor.string("a field name")
        cursor.space()
        value = cursor.nstring()
        if len(name) > MAX_ID_NAME or len(value or b"") > MAX_ID_VALUE or len(fields) >= MAX_ID_FIELDS:
            raise Bad("The ID list is past the limits of RFC 2971")
        fields.append((name, value))
    cursor.end()
    return Id(tuple(fields))


def parse_enable(cursor: Cursor) -> Enable:
    """``ENABLE name …`` (RFC 5161)."""
    found: list[str] = []
    while not found or not cursor.done():
        cursor.space()
        found.append(cursor.word("a capability"))
    return Enable(tuple(found))


def parse_authenticate(cursor: Cursor) -> Authenticate:
    """``AUTHENTICATE mechanism [initial response]`` (RFC 4959)."""
    cursor.space()
    mechanism = cursor.word("a SASL mechanism")
    if cursor.done():
        return Authenticate(mechanism, None)
    cursor.space()
    coded = cursor.text[cursor.position :]
    if coded == b"=":
        return Authenticate(mechanism, b"")
    try:
        initial = binascii.a2b_base64(coded, strict_mode=True)
    except binascii.Error:
        raise Bad("The initial response is not base64") from None
    if not initial:
        raise Bad("An empty initial response is written =")
    return Authenticate(mechanism, initial)


def parse_login(cursor: Cursor) -> Login:
    """``LOGIN user password``."""
    cursor.space()
    user = cursor.astring("a user name")
    cursor.space()
    password = cursor.astring("a password")
    cursor.end()
    return Login(user, password)


def parse_compress(cursor: Cursor) -> Compress:
    """``COMPRESS DEFLATE`` (RFC 4978)."""
    cursor.space()
    mechanism = cursor.word("a compression mechanism")
    cursor.end()
    return Compress(mechanism)
