"""Puts a signature into a message, whatever its MIME shape; all that is not the text it goes into stays byte for byte.

:func:`edits` says what is to be replaced where, :func:`pieces` gives the new message. Nothing here decides who signs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from posthouse.mail import mime
from posthouse.mail.mime import Buffer
from posthouse.mail.signature_leaf import Edit, edits_of
from posthouse.mail.signature_parts import left_alone, places
from posthouse.mail.signature_words import Signature

MAX_DEPTH = 32
"""Levels of parts that are looked into."""

MAX_PARTS = 2000

_PIECE = 256 * 1024


def edits(buffer: Buffer, signature: Signature) -> list[Edit]:
    """What changes in a message that gets this signature, in the order of their places; nothing where the message must
    be left alone or has no text to sign. Never raises on content."""
    if signature.empty:
        return []
    root = mime.scan(buffer, max_depth=MAX_DEPTH, max_parts=MAX_PARTS)
    if left_alone(buffer, root):
        return []
    whole = signature.complete()
    found: list[Edit] = []
    for place in places(root):
        found += edits_of(buffer, place, whole, top=place.part is root)
    return sorted(found, key=lambda edit: edit.start)


def growth(found: Sequence[Edit]) -> int:
    """By how many bytes a message grows."""
    return sum(len(edit.data) - (edit.end - edit.start) for edit in found)


def pieces(buffer: Buffer, found: Sequence[Edit]) -> Iterator[bytes]:
    """The new message, in pieces of a bounded size but for the changed texts."""
    at = 0
    for edit in found:
        yield from _slices(buffer, at, edit.start)
        yield edit.data
        at = edit.end
    yield from _slices(buffer, at, len(buffer))


def _slices(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PIECE):
        yield bytes(buffer[at : min(at + _PIECE, end)])
