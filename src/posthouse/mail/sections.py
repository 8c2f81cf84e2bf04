"""IMAP's names for pieces of a message, found in the part tree (RFC 9051 6.4.5.1, RFC 3516).

Numbering: the parts of a multipart count from 1; a message that is not multipart has the one part 1, its body; below a
message/rfc822 part the numbers of the embedded message go on. All functions return None where the message has
no such section.

A copy of a message may have a *prefix* (lines of its own in front of the shared body, see ``store``). It belongs to the
message's header, so ``BODY[]``, ``BODY[HEADER]`` and ``BODY[HEADER.FIELDS]`` begin with it; offsets of parts do not
count it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from posthouse.mail.headers import select
from posthouse.mail.mime import Buffer, Part
from posthouse.mail.transfer import decode_transfer


class Span(NamedTuple):
    """A stretch of the buffer. ``prefixed``: the copy's prefix stands in front of it."""

    start: int
    end: int
    prefixed: bool = False


class UnknownEncoding(Exception):
    """BINARY: the part's Content-Transfer-Encoding (args[0]) cannot be undone (RFC 3516: UNKNOWN-CTE)."""


def find(root: Part, path: Iterable[int]) -> Part | None:
    """The part of a number path; the root for an empty one."""
    part, message = root, True
    for number in path:
        if not message:  # what was reached is a part: numbers go on in what it contains
            if part.message is not None:
                part, message = part.message, True
            elif part.type != "multipart":
                return None
        if part.type != "multipart":
            if number != 1:
                return None
        elif 1 <= number <= len(part.children):
            part = part.children[number - 1]
        elif number == 1:
            # BODYSTRUCTURE shows an empty text where a multipart has no part at all; here it is.
            part = Part(part.end, part.end, part.end)
        else:
            return None
        message = False
    return part


def span(root: Part, path: Sequence[int], text: str) -> Span | None:
    """Where a section lies. ``text`` is "", HEADER, TEXT or MIME as in ``wire.imap.syntax.Section``."""
    if not path:
        if text == "":
            return Span(0, root.end, True)
        if text == "HEADER":
            return Span(0, root.body, True)
        return Span(root.body, root.end) if text == "TEXT" else None
    part = find(root, path)
    if part is None:
        return None
    if text == "":
        return Span(part.body, part.end)
    if text == "MIME":
        return Span(part.start, part.body, part is root)
    message = part.message
    if message is None:
        return None
    if text == "HEADER":
        return Span(message.start, message.body)
    return Span(message.body, message.end) if text == "TEXT" else None


def section(
    buffer: Buffer,
    root: Part,
    path: Sequence[int],
    text: str,
    fields: Sequence[bytes] = (),
    *,
    prefix: bytes = b"",
    partial: tuple[int, int] | None = None,
) -> bytes | None:
    """A section's bytes. ``text`` may also be HEADER.FIELDS or HEADER.FIELDS.NOT with ``fields`` in any case.
    ``partial`` is (offset, length); beyond the end it gives b""."""
    if text.startswith("HEADER.FIELDS"):
        where = span(root, path, "HEADER")
        if where is None:
            return None
        header = _read(buffer, where, prefix, None)
        names = frozenset(name.lower() for name in fields)
        chosen = select(header, names, excluded=text.endswith(".NOT"))
        return chosen if partial is None else chosen[partial[0] : partial[0] + partial[1]]
    where = span(root, path, text)
    return None if where is None else _read(buffer, where, prefix, partial)


def _read(buffer: Buffer, where: Span, prefix: bytes, partial: tuple[int, int] | None) -> bytes:
    """The bytes of a span with its prefix, copying no more than was asked for."""
    front = prefix if where.prefixed else b""
    if partial is None:
        data = buffer[where.start : where.end]
        return front + data if front else data
    offset, length = partial
    stop = offset + length
    size = len(front)
    start = where.start + max(offset - size, 0)
    end = min(where.start + max(stop - size, 0), where.end)
    return front[offset:stop] + (buffer[start:end] if start < end else b"")


def size(root: Part, path: Sequence[int], text: str, prefix: bytes = b"") -> int | None:
    """The octets of a section that is one span (not HEADER.FIELDS), without reading it."""
    where = span(root, path, text)
    if where is None:
        return None
    return where.end - where.start + (len(prefix) if where.prefixed else 0)


def binary(
    buffer: Buffer,
    root: Part,
    path: Sequence[int],
    *,
    prefix: bytes = b"",
    partial: tuple[int, int] | None = None,
) -> bytes | None:
    """A part's content with its transfer encoding undone (BINARY[n]). The whole message (BINARY[]), multiparts and
    embedded messages have none. Raises UnknownEncoding."""
    if not path:
        return section(buffer, root, path, "", prefix=prefix, partial=partial)
    part = find(root, path)
    if part is None:
        return None
    content: bytes | None = buffer[part.body : part.end]
    if part.type != "multipart":
        content = decode_transfer(buffer[part.body : part.end], part.encoding)
        if content is None:
            raise UnknownEncoding(part.encoding)
    assert content is not None
    return content if partial is None else content[partial[0] : partial[0] + partial[1]]
