"""The offset scanner: where each part of a message begins and ends (RFC 2045, 2046, RFC 5322).

One pass over the raw bytes builds a tree of :class:`Part` with byte offsets; nothing is decoded or copied.
Whatever arrives gets a tree: broken boundaries, missing headers and hostile nesting never raise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from mmap import mmap
from typing import TypeAlias

Buffer: TypeAlias = bytes | mmap
"""A whole message: bytes for small ones, a memory map for files. Scanners use find, slices and regexes only."""


@dataclass(slots=True)
class Part:
    """One MIME part; offsets count from the start of the scanned buffer.

    ``start`` is where its MIME header begins, ``body`` where its body begins (after the blank line), ``end``
    where its body ends (before the CRLF that belongs to the boundary). ``lines`` counts the lines of the body
    as IMAP's BODYSTRUCTURE wants it. ``type`` and ``subtype`` are lower case. ``params`` hold raw, unfolded
    values (RFC 2231 pieces left as they are: IMAP shows them raw). ``children`` are a multipart's parts;
    ``message`` is the embedded message of message/rfc822 and message/global.
    """

    start: int
    body: int
    end: int
    lines: int = 0
    type: str = "text"
    subtype: str = "plain"
    params: list[tuple[str, bytes]] = field(default_factory=list)
    encoding: str = ""
    content_id: bytes | None = None
    description: bytes | None = None
    md5: bytes | None = None
    disposition: str | None = None
    disposition_params: list[tuple[str, bytes]] = field(default_factory=list)
    language: list[bytes] = field(default_factory=list)
    location: bytes | None = None
    children: list[Part] = field(default_factory=list)
    message: Part | None = None


def scan(buffer: Buffer, *, max_depth: int = 64, max_parts: int = 5000) -> Part:
    """Scan a whole message and return its root part. Never raises on content; past the limits, parts are leaves."""
    raise NotImplementedError
