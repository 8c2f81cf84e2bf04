"""The words of a message: decoded text for SEARCH, and the preview of RFC 8970.

A search looks at pieces: each decoded header and each decoded text part is one, and a match never spans two. Texts are
compared by :func:`posthouse.mail.casemap.fold` on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from posthouse.mail.casemap import fold
from posthouse.mail.charsets import decode
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import fields
from posthouse.mail.html import html_to_text
from posthouse.mail.mime import Buffer, Part
from posthouse.mail.transfer import decode_transfer

MAX_TEXT = 32 << 20
"""Bytes of one text part that are decoded for a search; the rest of a larger one is not searched."""

MAX_HEADER = 1 << 20
"""Bytes of one header that are decoded for a search."""

PREVIEW_LENGTH = 200
"""Characters of a preview (RFC 8970 3.1: at most 256, 200 recommended)."""

_PREVIEW_SOURCE = 32 << 10
_LINE_END = re.compile(rb"\r?\n")
_SPACES = re.compile(r"\s+")
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\u034f]+"
)
_QUOTED_LINE = re.compile(r"^(?:>.*|On .{0,200}wrote:)[ \t\r]*$", re.MULTILINE)


def charset_of(part: Part) -> str:
    """The charset a text part claims, "" if none."""
    for name, value in part.params:
        if name == "charset":
            return value.decode("latin-1")
    return ""


def part_text(buffer: Buffer, part: Part, limit: int = MAX_TEXT) -> str:
    """A text part's decoded text (of at most ``limit`` bytes as sent). An unknown transfer encoding is read as none."""
    data = buffer[part.body : min(part.end, part.body + limit)]
    content = decode_transfer(data, part.encoding)
    return decode(data if content is None else content, charset_of(part))


def header_text(header: bytes) -> str:
    """A header as people read it: one line per field, unfolded, encoded words decoded. The rest stays as it is, blanks
    and lines that are no field too."""
    header = header[:MAX_HEADER].replace(
        b"\n\t", b"\n "
    )  # a fold reads as a blank, whichever it was made with
    lines: list[str] = []
    at = 0
    for field in fields(header):
        if field.start > at:
            lines.append(decode(header[at : field.start]))
        name = header[field.start : field.end].partition(b":")[0]
        lines.append(f"{decode(name)}:{decode_words(_LINE_END.sub(b'', field.value))}\r\n")
        at = field.end
    if at < len(header) and not header[at:].isspace():
        lines.append(decode(header[at:]))
    return "".join(lines)


def is_searched(part: Part) -> bool:
    """Whether SEARCH looks into a part's body: text, and messages that are shown as they are, such as delivery reports
    (RFC 9051 6.4.4: the types text and message may not be left out)."""
    return (part.type == "text" or (part.type == "message" and part.message is None)) and part.body < part.end


def body_texts(buffer: Buffer, part: Part) -> Iterator[str]:
    """What SEARCH BODY looks at: the text parts at any depth, embedded messages included, no headers."""
    for each in walk(part):
        if is_searched(each):
            yield part_text(buffer, each)


def all_texts(buffer: Buffer, part: Part, prefix: bytes = b"") -> Iterator[str]:
    """What SEARCH TEXT looks at: all headers (of the message, its parts and embedded messages; the copy's ``prefix``
    belongs to the first) and all text parts."""
    front = prefix
    for each in walk(part):
        if each.start < each.body or front:
            yield header_text(front + buffer[each.start : each.body])
            front = b""
        if is_searched(each):
            yield part_text(buffer, each)


def contains(texts: Iterator[str], folded: str) -> bool:
    """Whether a folded search string occurs in any of the texts."""
    return any(folded in fold(text) for text in texts)


def walk(part: Part) -> Iterator[Part]:
    """The part and all below it, in the order of the message; embedded messages come after the part that holds them."""
    stack = [part]
    while stack:
        each = stack.pop()
        yield each
        if each.message is not None:
            stack.append(each.message)
        stack.extend(reversed(each.children))


def preview(buffer: Buffer, part: Part) -> str:
    """The beginning of what the message says, on one line (RFC 8970): from the first readable text part, without quoted
    lines unless there is nothing else. Empty when there is no text, or the message is encrypted."""
    for each in _readable(part):
        text = part_text(buffer, each, _PREVIEW_SOURCE)
        if each.subtype == "html":
            text = html_to_text(text)
        else:
            text = _without_quotes(text)
        line = _SPACES.sub(" ", _UNPRINTABLE.sub("", text)).strip()
        if line:
            return line[:PREVIEW_LENGTH].rstrip()
    return ""


def _without_quotes(text: str) -> str:
    """The text without quoted lines, or as it is where nothing else remains."""
    unquoted = _QUOTED_LINE.sub("", text)
    return unquoted if unquoted.strip() else text


def _readable(part: Part) -> Iterator[Part]:
    """Text parts fit for a preview, best first: in the order of the message, but plain text before its alternatives."""
    if part.type == "text":
        if part.disposition != "attachment" and part.subtype in ("plain", "html", "enriched"):
            yield part
    elif part.type == "multipart" and part.subtype != "encrypted":
        children = part.children
        if part.subtype == "alternative":
            children = sorted(children, key=lambda child: (child.type, child.subtype) != ("text", "plain"))
        for child in children:
            yield from _readable(child)
    elif part.message is not None and part.disposition != "attachment":
        yield from _readable(part.message)
