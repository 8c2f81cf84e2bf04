"""FETCH items that are pieces of content: BODY[…], BINARY[…], RFC822 and their sizes (RFC 9051 7.5.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from posthouse.access.imap.fetch_binary import decoded
from posthouse.access.imap.fetch_source import SMALL, Source
from posthouse.access.imap.pace import Pace
from posthouse.mail.headers import select
from posthouse.mail.mime import Part
from posthouse.mail.sections import find
from posthouse.mail.transfer import known
from posthouse.wire.imap.response import literal
from posthouse.wire.imap.syntax import Section


class UnknownEncoding(Exception):
    """The part's transfer encoding cannot be undone: NO [UNKNOWN-CTE] (RFC 3516 4.3)."""


class Large(NamedTuple):
    """A stretch of prefix + body to be sent in pieces."""

    start: int
    length: int


class LargeBinary(NamedTuple):
    """A part to be decoded in pieces; ``skip`` and ``length`` are of the decoded octets."""

    part: Part
    skip: int
    length: int


Piece = bytes | Large | LargeBinary


async def section_pieces(source: Source, section: Section, pace: Pace) -> list[Piece]:
    """One item of the answer: its label, the literal's announcement, and its octets or where they are."""
    if section.kind == "BINARY.SIZE":
        size = await _binary_size(source, section, pace)
        return [b"%s %d" % (section.label, size)]
    if section.kind == "BINARY" and section.path:
        return await _binary(source, section, pace)
    if section.text.startswith("HEADER.FIELDS"):
        return await _fields(source, section)
    where = await source.locate(section.path, section.text)
    if where is None:
        return [section.label + b" NIL"]
    start, length = where
    if section.partial is not None:
        offset, wanted = section.partial
        offset = min(offset, length)
        start, length = start + offset, min(wanted, length - offset)
    if length > SMALL:
        return [b"%s {%d}\r\n" % (section.label, length), Large(start, length)]
    data = await source.read(start, length) if length else b""
    return [_literal(section.label, data)]


def _literal(label: bytes, data: bytes) -> bytes:
    """A literal without NUL: IMAP's CHAR8 has none, so a NUL that was stored is shown as 0x80."""
    if b"\0" in data:
        data = data.replace(b"\0", b"\x80")
    return b"%s {%d}\r\n%s" % (label, len(data), data)


async def _fields(source: Source, section: Section) -> list[Piece]:
    where = await source.locate(section.path, "HEADER")
    if where is None:
        return [section.label + b" NIL"]
    names = frozenset(name.lower() for name in section.fields)
    header = await source.read(*where)
    chosen = select(header, names, excluded=section.text.endswith(".NOT"))
    return [_literal(section.label, _cut(chosen, section))]


def _cut(data: bytes, section: Section) -> bytes:
    if section.partial is None:
        return data
    offset, length = section.partial
    return data[offset : offset + length]


async def _part(source: Source, section: Section) -> tuple[Part, str] | None:
    """The part of a BINARY item and the encoding to undo. Multiparts and messages have none."""
    part = find(await source.root(), section.path)
    if part is None:
        return None
    encoding = "" if part.type == "multipart" or part.message is not None else part.encoding
    if not known(encoding):
        raise UnknownEncoding(encoding)
    return part, encoding


async def _binary(source: Source, section: Section, pace: Pace) -> list[Piece]:
    found = await _part(source, section)
    if found is None:
        return [section.label + b" NIL"]
    part, encoding = found
    if part.end - part.body <= SMALL:
        buffer = await source.buffer()
        data = b"".join(decoded(buffer, part.body, part.end, encoding))
        return [section.label + b" " + literal(_cut(data, section))]
    size = await _decoded_size(source, part, encoding, pace)
    skip, length = section.partial or (0, size)
    skip = min(skip, size)
    length = min(length, size - skip)
    return [b"%s ~{%d}\r\n" % (section.label, length), LargeBinary(part, skip, length)]


async def _binary_size(source: Source, section: Section, pace: Pace) -> int:
    if not section.path:
        return source.message.size
    found = await _part(source, section)
    if found is None:
        return 0
    return await _decoded_size(source, *found, pace)


async def _decoded_size(source: Source, part: Part, encoding: str, pace: Pace) -> int:
    if encoding not in ("base64", "quoted-printable"):
        return part.end - part.body
    size = 0
    for piece in decoded(await source.buffer(), part.body, part.end, encoding):
        size += len(piece)
        await pace.breathe()
    return size


async def large_octets(source: Source, piece: Large | LargeBinary) -> AsyncIterator[bytes]:
    """The octets of a large piece, some at a time and exactly as many as announced."""
    if isinstance(piece, Large):
        end = piece.start + piece.length
        for start in range(piece.start, end, SMALL):
            data = await source.read(start, min(SMALL, end - start))
            yield data.replace(b"\0", b"\x80") if b"\0" in data else data
        return
    part, skip, left = piece
    encoding = "" if part.type == "multipart" or part.message is not None else part.encoding
    for data in decoded(await source.buffer(), part.body, part.end, encoding):
        if not left:
            return
        if skip >= len(data):
            skip -= len(data)
            continue
        data = data[skip : skip + left]
        skip = 0
        left -= len(data)
        yield data
