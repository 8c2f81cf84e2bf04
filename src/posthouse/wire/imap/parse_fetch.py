"""FETCH: which messages, and what of them (RFC 9051 6.4.5, RFC 7162 3.1.4, RFC 8970)."""

from __future__ import annotations

import re

from posthouse.wire.imap.cursor import MAX_NUMBER64, Bad, Cursor
from posthouse.wire.imap.response import astring
from posthouse.wire.imap.syntax import Fetch, FetchItem, Section

_ITEM = re.compile(rb"[A-Za-z0-9.]+")
_PATH = re.compile(rb"[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8})*")
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([0-9]{1,19})>")

_WORDS = {
    word.encode(): word
    for word in (
        "UID",
        "FLAGS",
        "INTERNALDATE",
        "RFC822.SIZE",
        "ENVELOPE",
        "BODYSTRUCTURE",
        "MODSEQ",
        "SAVEDATE",
        "EMAILID",
        "THREADID",
    )
}
_MACROS: dict[bytes, tuple[FetchItem, ...]] = {
    b"ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    b"FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    b"FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_OLD: dict[bytes, Section] = {
    b"RFC822": Section("RFC822", label=b"RFC822"),
    b"RFC822.HEADER": Section("RFC822.HEADER", text="HEADER", peek=True, label=b"RFC822.HEADER"),
    b"RFC822.TEXT": Section("RFC822.TEXT", text="TEXT", label=b"RFC822.TEXT"),
}
_SECTIONS: dict[bytes, tuple[str, bool]] = {
    b"BODY": ("BODY", False),
    b"BODY.PEEK": ("BODY", True),
    b"BINARY": ("BINARY", False),
    b"BINARY.PEEK": ("BINARY", True),
    b"BINARY.SIZE": ("BINARY.SIZE", True),
}
_HOT: dict[bytes, tuple[FetchItem, ...]] = {
    b"(FLAGS)": ("FLAGS",),
    b"(UID FLAGS)": ("UID", "FLAGS"),
    b"(FLAGS UID)": ("FLAGS", "UID"),
    b"FLAGS": ("FLAGS",),
}

MAX_ITEMS = 128
"""Most items in one FETCH."""
MAX_PATH = 64
"""Deepest part number."""
MAX_FIELDS = 256
"""Most field names in one HEADER.FIELDS."""


def parse_fetch(cursor: Cursor) -> Fetch:
    """``FETCH set item|(items)|macro [(CHANGEDSINCE n [VANISHED])]``."""
    cursor.space()
    messages = cursor.messages()
    cursor.space()
    hot = _HOT.get(cursor.text[cursor.position :])
    if hot is not None:
        return Fetch(messages, hot)
    items = _items(cursor)
    changed_since: int | None = None
    vanished = False
    if not cursor.done():
        cursor.space()
        changed_since, vanished = _modifiers(cursor)
    cursor.end()
    return Fetch(messages, items, changed_since, vanished)


def _items(cursor: Cursor) -> tuple[FetchItem, ...]:
    if not cursor.take(b"("):
        found = _ITEM.match(cursor.text, cursor.position)
        macro = _MACROS.get(found.group().upper()) if found else None
        if found and macro is not None:
            cursor.position = found.end()
            return macro
        return (_item(cursor),)
    items = [_item(cursor)]
    while not cursor.take(b")"):
        cursor.space()
        items.append(_item(cursor))
        if len(items) > MAX_ITEMS:
            raise Bad(f"More than {MAX_ITEMS} items in one FETCH")
    return tuple(dict.fromkeys(items))


def _item(cursor: Cursor) -> FetchItem:
    raw = cursor.match(_ITEM, "a FETCH item").upper()
    word = _WORDS.get(raw)
    if word is not None:
        return word
    if raw in _SECTIONS and cursor.take(b"["):
        kind, peek = _SECTIONS[raw]
        return _section(cursor, kind, peek)
    if raw == b"BODY":
        return "BODY"
    if raw == b"PREVIEW":
        return _preview(cursor)
    old = _OLD.get(raw)
    if old is None:
        raise Bad(f"Unknown FETCH item {raw[:40].decode('ascii')}")
    return old


def _preview(cursor: Cursor) -> str:
    if not cursor.text.startswith(b" (", cursor.position):
        return "PREVIEW"
    cursor.position += 1
    if cursor.words("PREVIEW modifiers") != ["LAZY"]:
        raise Bad("Unknown PREVIEW modifier; known is LAZY")
    return "PREVIEW.LAZY"


def _section(cursor: Cursor, kind: str, peek: bool) -> Section:
    path: tuple[int, ...] = ()
    text = ""
    fields: tuple[bytes, ...] = ()
    label = kind.encode("ascii") + b"["
    found = _PATH.match(cursor.text, cursor.position)
    if found is not None:
        cursor.position = found.end()
        path = tuple(int(number) for number in found.group().split(b"."))
        if len(path) > MAX_PATH:
            raise Bad("The part number is too deep")
        label += found.group()
    if kind == "BODY" and not cursor.at(b"]"):
        if path:
            cursor.expect(b".", "a dot after the part number")
            label += b"."
        text, fields, words = _section_text(cursor, path)
        label += words
    cursor.expect(b"]", "a closing bracket after the section")
    label += b"]"
    partial: tuple[int, int] | None = None
    if kind != "BINARY.SIZE" and cursor.at(b"<"):
        partial = _partial(cursor)
        label += b"<%d>" % partial[0]
    return Section(kind, path, text, fields, partial, peek, label)


def _section_text(cursor: Cursor, path: tuple[int, ...]) -> tuple[str, tuple[bytes, ...], bytes]:
    text = cursor.match(_ITEM, "a section (HEADER, TEXT, MIME)").decode("ascii").upper()
    if text in ("HEADER", "TEXT") or (text == "MIME" and path):
        return text, (), text.encode("ascii")
    if text not in ("HEADER.FIELDS", "HEADER.FIELDS.NOT"):
        raise Bad("Unknown section; known are HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT and n.MIME")
    cursor.space()
    cursor.expect(b"(", "a list of field names")
    fields: list[bytes] = []
    while not fields or not cursor.take(b")"):
        if fields:
            cursor.space()
        if len(fields) >= MAX_FIELDS:
            raise Bad(f"More than {MAX_FIELDS} field names")
        fields.append(cursor.astring("a header field name"))
    names = b" ".join(astring(name) for name in fields)
    return text, tuple(fields), text.encode("ascii") + b" (" + names + b")"


def _partial(cursor: Cursor) -> tuple[int, int]:
    found = _PARTIAL.match(cursor.text, cursor.position)
    if found is None:
        raise Bad("A partial is written <offset.length>")
    cursor.position = found.end()
    offset, length = int(found.group(1)), int(found.group(2))
    if length == 0 or offset > MAX_NUMBER64 or length > MAX_NUMBER64:
        raise Bad("A partial has a length above zero")
    return offset, length


def _modifiers(cursor: Cursor) -> tuple[int, bool]:
    cursor.expect(b"(", "the FETCH modifiers")
    changed_since: int | None = None
    vanished = False
    while True:
        word = cursor.word("a FETCH modifier")
        if word == "CHANGEDSINCE" and changed_since is None:
            cursor.space()
            changed_since = cursor.number("a mod-sequence", MAX_NUMBER64)
        elif word == "VANISHED" and not vanished:
            vanished = True
        else:
            raise Bad("Unknown or repeated FETCH modifier; known are CHANGEDSINCE and VANISHED")
        if cursor.take(b")"):
            break
        cursor.space()
    if changed_since is None or (vanished and not cursor.uid):
        raise Bad("VANISHED goes with UID FETCH and CHANGEDSINCE")
    return changed_since, vanished
