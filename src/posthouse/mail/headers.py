"""Header sections: where they end, which fields they hold (RFC 5322 2.2).

Works on raw bytes and keeps them raw: nothing is decoded. Lines may end in CRLF or LF. A line without a colon is
skipped, a field name may be followed by blanks (obsolete syntax), and a line of blanks only continues the field above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from posthouse.mail.mime import Buffer

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"^([^\s:][^:\n]*+):([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?", re.MULTILINE)
_FOLD = re.compile(rb"\r?\n")


class Field(NamedTuple):
    """One field as it stands. ``name`` as written, without trailing blanks; ``value`` raw, still folded, without the
    final line ending; ``start`` and ``end`` are offsets of the whole field, line ending included."""

    name: bytes
    value: bytes
    start: int
    end: int


def header_end(buffer: Buffer, start: int = 0, end: int | None = None) -> int:
    """The offset after the blank line that ends the header beginning at ``start``; the end of the buffer (or ``end``)
    when there is no blank line."""
    stop = len(buffer) if end is None else end
    first = buffer[start : min(start + 2, stop)]
    if first[:1] == b"\n":
        return start + 1
    if first == b"\r\n":
        return start + 2
    found = _BLANK_LINE.search(buffer, start, stop)
    return stop if found is None else found.end()


def fields(header: bytes) -> Iterator[Field]:
    """The fields of a header section in order, with their offsets in ``header``."""
    for found in _FIELD.finditer(header):
        value = found[2]
        if value.endswith(b"\r"):
            value = value[:-1]
        yield Field(found[1].rstrip(), value, found.start(), found.end())


def values(header: bytes) -> dict[bytes, list[bytes]]:
    """All fields by lower-case name, values unfolded and without leading blanks, in order. The quick way to read many
    fields of one header."""
    table: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(header):
        key = name.rstrip().lower()
        if b"\n" in value:
            value = _FOLD.sub(b"", value)
        value = value.lstrip(b" \t").removesuffix(b"\r")
        if key in table:
            table[key].append(value)
        else:
            table[key] = [value]
    return table


def unfold(value: bytes) -> bytes:
    """A field's value as one line (RFC 5322 2.2.3): line endings go, the blanks after them stay; no blanks in front."""
    if b"\n" in value:
        value = _FOLD.sub(b"", value)
    return value.lstrip(b" \t").removesuffix(b"\r")


def get(header: bytes, name: bytes) -> bytes | None:
    """The first value of a field, unfolded; None when it is absent. ``name`` in any case."""
    wanted = name.lower()
    for found_name, value in _FIELD.findall(header):
        if found_name.rstrip().lower() == wanted:
            return unfold(value)
    return None


def get_all(header: bytes, name: bytes) -> list[bytes]:
    """All values of a field in order, unfolded."""
    wanted = name.lower()
    return [
        unfold(value) for found_name, value in _FIELD.findall(header) if found_name.rstrip().lower() == wanted
    ]


def remove(header: bytes, *names: bytes) -> bytes:
    """The header without the named fields (say, a foreign Return-Path); all other bytes stay as they are."""
    unwanted = {name.lower() for name in names}
    kept: list[bytes] = []
    at = 0
    for field in fields(header):
        if field.name.lower() in unwanted:
            kept.append(header[at : field.start])
            at = field.end
    if not at and not kept:
        return header
    kept.append(header[at:])
    return b"".join(kept)


def select(header: bytes, names: frozenset[bytes], *, excluded: bool = False) -> bytes:
    """The fields with (or, ``excluded``, without) these lower-case names, raw and in order, then the blank line if the
    header has one: IMAP's HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 6.4.5.1). Lines that are no fields belong to
    the excluding form."""
    if excluded:
        return remove(header, *names)
    chosen = [header[field.start : field.end] for field in fields(header) if field.name.lower() in names]
    if header.endswith((b"\n\r\n", b"\n\n")) or header in (b"\r\n", b"\n"):
        chosen.append(b"\r\n")
    return b"".join(chosen)
