"""Tag lists: ``v=1; a=rsa-sha256; …`` in signatures and key records (RFC 6376 3.2)."""

from __future__ import annotations

import re

MAX_SIZE = 64 * 1024
"""Bytes of a list that is read."""

MAX_TAGS = 64

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_FWS = b" \t\r\n"
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class TagError(ValueError):
    """The list is no tag list; the text says why."""


def parse_tags(value: bytes) -> dict[str, bytes]:
    """The tags by name, blanks around their values removed. Raises TagError: for what is no tag, a tag that stands
    there twice (RFC 6376 3.2: then the whole list is invalid), control characters, and over the limits above."""
    if len(value) > MAX_SIZE:
        raise TagError("it is too long")
    if _CONTROL.search(value):
        raise TagError("it has control characters")
    tags: dict[str, bytes] = {}
    if value.count(b";") > MAX_TAGS:
        raise TagError("it has too many tags")
    pieces = value.split(b";")
    if not pieces[-1].strip(_FWS):
        pieces.pop()  # a semicolon may stand at the end
    for piece in pieces:
        name, equals, text = piece.partition(b"=")
        name = name.strip(_FWS)
        if not equals or not _NAME.fullmatch(name):
            raise TagError("there is something in it that is no tag")
        key = name.decode("ascii")
        if key in tags:
            raise TagError(f"the tag {key[:20]} stands in it twice")
        tags[key] = text.strip(_FWS)
    return tags


def without_blanks(value: bytes) -> bytes:
    """A value without the folding blanks that may stand anywhere in base64 and in lists of names."""
    return value.translate(None, _FWS)
