"""Rights and notes on mailboxes: ACL (RFC 4314) and METADATA (RFC 5464, RFC 9590)."""

from __future__ import annotations

import re

from posthouse.wire.imap.cursor import Bad, Cursor
from posthouse.wire.imap.syntax import Acl, GetMetadata, SetMetadata

MAX_IDENTIFIER = 400
"""Longest identifier, in octets."""
MAX_RIGHTS = 64
MAX_ENTRIES = 100
"""Most entries in one command."""
MAX_ENTRY = 200
"""Longest name of an entry, in octets."""

_ENTRY = re.compile(r"/(private|shared)(/[^/*%\x00-\x1f\x7f]+)+")


def parse_setacl(cursor: Cursor) -> Acl:
    """``SETACL mailbox identifier [+|-]rights``."""
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    identifier = _identifier(cursor)
    cursor.space()
    rights = cursor.astring("rights")
    cursor.end()
    if len(rights) > MAX_RIGHTS or not rights.isascii():
        raise Bad("These are no rights")
    return Acl(mailbox, identifier, rights.decode("ascii"))


def parse_identifier(cursor: Cursor) -> Acl:
    """``DELETEACL mailbox identifier``, ``LISTRIGHTS mailbox identifier``."""
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    identifier = _identifier(cursor)
    cursor.end()
    return Acl(mailbox, identifier)


def _identifier(cursor: Cursor) -> str:
    raw = cursor.astring("an identifier")
    if not raw or len(raw) > MAX_IDENTIFIER:
        raise Bad("The identifier is empty or too long")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("The identifier is not UTF-8") from None


def parse_getmetadata(cursor: Cursor) -> GetMetadata:
    """``GETMETADATA [(options)] mailbox entries``; the options may also stand behind the mailbox, as an early text of
    the RFC had it and clients send it."""
    cursor.space()
    maxsize: int | None = None
    depth = 0
    if cursor.at(b"("):
        maxsize, depth = _options(cursor)
        cursor.space()
    mailbox = _mailbox_or_server(cursor)
    cursor.space()
    if cursor.at(b"(") and _looks_like_options(cursor):
        maxsize, depth = _options(cursor)
        cursor.space()
    entries = parse_entries(cursor)
    cursor.end()
    return GetMetadata(mailbox, entries, maxsize, depth)


def _looks_like_options(cursor: Cursor) -> bool:
    return cursor.text[cursor.position + 1 : cursor.position + 2] not in (b"/", b'"', b"{")


def _options(cursor: Cursor) -> tuple[int | None, int]:
    cursor.expect(b"(", "options")
    maxsize: int | None = None
    depth = 0
    while True:
        word = cursor.word("an option")
        cursor.space()
        if word == "MAXSIZE":
            maxsize = cursor.number("a size")
        elif word == "DEPTH":
            value = cursor.word("0, 1 or infinity")
            if value not in ("0", "1", "INFINITY"):
                raise Bad("DEPTH is 0, 1 or infinity")
            depth = {"0": 0, "1": 1}.get(value, -1)
        else:
            raise Bad("Unknown option; known are MAXSIZE and DEPTH")
        if cursor.take(b")"):
            return maxsize, depth
        cursor.space()


def parse_entries(cursor: Cursor) -> tuple[str, ...]:
    """One entry, or several in parentheses."""
    if not cursor.take(b"("):
        return (_entry(cursor),)
    found: list[str] = []
    while not found or not cursor.take(b")"):
        if found:
            cursor.space()
        if len(found) >= MAX_ENTRIES:
            raise Bad(f"More than {MAX_ENTRIES} entries in one command")
        found.append(_entry(cursor))
    return tuple(dict.fromkeys(found))


def parse_setmetadata(cursor: Cursor) -> SetMetadata:
    """``SETMETADATA mailbox (entry value …)``."""
    cursor.space()
    mailbox = _mailbox_or_server(cursor)
    cursor.space()
    cursor.expect(b"(", "entries and values")
    found: dict[str, bytes | None] = {}
    while not found or not cursor.take(b")"):
        if found:
            cursor.space()
        if len(found) >= MAX_ENTRIES:
            raise Bad(f"More than {MAX_ENTRIES} entries in one command")
        entry = _entry(cursor)
        cursor.space()
        found[entry] = cursor.nstring()
    cursor.end()
    return SetMetadata(mailbox, tuple(found.items()))


def _mailbox_or_server(cursor: Cursor) -> str:
    raw = cursor.astring("a mailbox")
    return cursor.decode_mailbox(raw) if raw else ""


def _entry(cursor: Cursor) -> str:
    raw = cursor.astring("an entry")
    if len(raw) > MAX_ENTRY or not raw.isascii():
        raise Bad("The name of an entry is too long, or not ASCII")
    entry = raw.decode("ascii").lower()
    if not _ENTRY.fullmatch(entry):
        raise Bad("An entry begins with /private/ or /shared/")
    return entry
