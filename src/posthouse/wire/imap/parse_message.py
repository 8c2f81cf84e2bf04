"""Commands that change messages: STORE, COPY, MOVE, EXPUNGE (RFC 9051 6.4, RFC 7162 3.1.3)."""

from __future__ import annotations

from typing import Literal

from posthouse.wire.imap.cursor import MAX_NUMBER64, Bad, Cursor
from posthouse.wire.imap.syntax import Copy, Expunge, Store

_MODES: dict[bytes, tuple[Literal["set", "add", "remove"], bool]] = {
    b"FLAGS": ("set", False),
    b"FLAGS.SILENT": ("set", True),
    b"+FLAGS": ("add", False),
    b"+FLAGS.SILENT": ("add", True),
    b"-FLAGS": ("remove", False),
    b"-FLAGS.SILENT": ("remove", True),
}


def parse_store(cursor: Cursor) -> Store:
    """``STORE set [(UNCHANGEDSINCE n)] [+|-]FLAGS[.SILENT] flags``."""
    cursor.space()
    messages = cursor.messages()
    cursor.space()
    unchanged: int | None = None
    if cursor.take(b"("):
        if cursor.word("a STORE modifier") != "UNCHANGEDSINCE":
            raise Bad("Unknown STORE modifier; known is UNCHANGEDSINCE")
        cursor.space()
        unchanged = cursor.number("a mod-sequence", MAX_NUMBER64)
        cursor.expect(b")", "a closing parenthesis after the modifier")
        cursor.space()
    word = cursor.word("FLAGS, +FLAGS or -FLAGS").encode("ascii")
    if word not in _MODES:
        raise Bad("Expected FLAGS, +FLAGS or -FLAGS, with or without .SILENT")
    mode, silent = _MODES[word]
    cursor.space()
    flags = cursor.flags() if cursor.at(b"(") else cursor.bare_flags()
    cursor.end()
    return Store(messages, mode, flags, silent, unchanged)


def parse_copy(cursor: Cursor) -> Copy:
    """``COPY set mailbox``; MOVE too."""
    cursor.space()
    messages = cursor.messages()
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.end()
    return Copy(messages, mailbox)


def parse_expunge(cursor: Cursor) -> Expunge:
    """``EXPUNGE``, or ``UID EXPUNGE set`` (RFC 4315 2.1)."""
    if not cursor.uid:
        cursor.end()
        return Expunge()
    cursor.space()
    messages = cursor.messages()
    cursor.end()
    return Expunge(messages)
