"""ENVELOPE, BODY and BODYSTRUCTURE as bytes (RFC 3501 7.4.2, RFC 9051 7.5.2), and thread lists (RFC 5256 5).

What a message holds is sent as it is: encoded words stay encoded, raw 8-bit goes out in literals. Line ends in a value
become blanks and NUL becomes U+FFFD, since no IMAP string can carry them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from posthouse.mail.addresses import Mailbox, parse_addresses
from posthouse.mail.headers import values
from posthouse.mail.mime import Buffer, Part
from posthouse.mail.parameters import Parameters, merged
from posthouse.mail.threads import ThreadNode

_PLAIN = re.compile(rb'[^\x00\r\n"\\\x80-\xff]*+')
_QUOTABLE = re.compile(rb"[^\x00\r\n\x80-\xff]*+")
_SPECIAL = re.compile(rb'(["\\])')
_LINE_END = re.compile(rb"[\r\n]+")
_BLANKS = re.compile(rb"[ \t\r\n]+")
_UNTIDY = re.compile(rb"[\t\r\n]|  |\A | \Z")

_MAX_QUOTED = 1000
"""Longer strings go out as literals, which no client's line buffer minds."""

EMPTY_ENVELOPE = b"(" + b" ".join([b"NIL"] * 10) + b")"
_EMPTY_TEXT = b'"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'
_NO_EXTENSIONS = b" NIL NIL NIL NIL"

Header = Mapping[bytes, Sequence[bytes]]
"""A header as ``mail.headers.values`` gives it."""


def string(value: bytes) -> bytes:
    """An IMAP string: quoted where it can be, else a literal."""
    if len(value) <= _MAX_QUOTED:
        if _PLAIN.fullmatch(value):
            return b'"%b"' % value
        if _QUOTABLE.fullmatch(value):
            return b'"%b"' % _SPECIAL.sub(rb"\\\1", value)
    if b"\r" in value or b"\n" in value:
        value = _LINE_END.sub(b" ", value)
    if b"\0" in value:
        value = value.replace(b"\0", b"\xef\xbf\xbd")
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """An IMAP string or NIL."""
    return b"NIL" if value is None else string(value)


def _tidy(value: bytes) -> bytes:
    """Text for people: runs of blanks become one, none at either end."""
    return _BLANKS.sub(b" ", value).strip(b" ") if _UNTIDY.search(value) else value


def envelope(header: Header) -> bytes:
    """ENVELOPE's parenthesised list. Of repeated fields the last counts, repeated address fields are joined."""
    subject = _last(header, b"subject")
    sender = _addresses(header, b"from")
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(_last(header, b"date")),
        b"NIL" if subject is None else string(_tidy(subject)),
        sender,
        _addresses(header, b"sender", sender),
        _addresses(header, b"reply-to", sender),
        _addresses(header, b"to"),
        _addresses(header, b"cc"),
        _addresses(header, b"bcc"),
        nstring(_last(header, b"in-reply-to")),
        nstring(_last(header, b"message-id")),
    )


def _last(header: Header, name: bytes) -> bytes | None:
    found = header.get(name)
    return found[-1] if found else None


def _addresses(header: Header, name: bytes, otherwise: bytes = b"NIL") -> bytes:
    """A list of address structures, or ``otherwise`` when the field is absent or empty."""
    found = header.get(name)
    if not found:
        return otherwise
    entries: list[bytes] = []
    for value in found:
        entries.extend(map(_address, parse_addresses(value)))
    return b"(%b)" % b"".join(entries) if entries else otherwise


def _address(entry: Mailbox) -> bytes:
    name = _tidy(entry.name) if entry.name else None
    return b"(%b %b %b %b)" % (
        string(name) if name else b"NIL",
        nstring(entry.route),
        nstring(entry.mailbox),
        nstring(entry.host),
    )


def render(buffer: Buffer, part: Part) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE of a part, each a parenthesised list."""
    if part.type == "multipart":
        return _multipart(buffer, part)
    core = _basic(part)
    if part.type == "message" and part.subtype in ("rfc822", "global"):
        return _message(buffer, part, core)
    if part.type == "text":
        core = b"%b %d" % (core, part.lines)
    return b"(%b)" % core, b"(%b%b)" % (core, _extensions(part))


def _multipart(buffer: Buffer, part: Part) -> tuple[bytes, bytes]:
    """A multipart; without a single part it shows an empty text, since the grammar demands one."""
    subtype = string(part.subtype.encode("latin-1"))
    if part.children:
        rendered = [render(buffer, child) for child in part.children]
        bodies = b"".join([body for body, _ in rendered])
        structures = b"".join([structure for _, structure in rendered])
    else:
        bodies = b"(%b)" % _EMPTY_TEXT
        structures = b"(%b%b)" % (_EMPTY_TEXT, _NO_EXTENSIONS)
    return (
        b"(%b %b)" % (bodies, subtype),
        b"(%b %b %b%b)" % (structures, subtype, _parameters(merged(part.params)), _common_extensions(part)),
    )


def _message(buffer: Buffer, part: Part, core: bytes) -> tuple[bytes, bytes]:
    """An embedded message: its envelope, structure and lines follow the basic fields."""
    if part.message is None:  # beyond the scanner's limits
        listed, body, structure = (
            EMPTY_ENVELOPE,
            b"(%b)" % _EMPTY_TEXT,
            b"(%b%b)" % (_EMPTY_TEXT, _NO_EXTENSIONS),
        )
    else:
        listed = envelope(values(buffer[part.message.start : part.message.body]))
        body, structure = render(buffer, part.message)
    return (
        b"(%b %b %b %d)" % (core, listed, body, part.lines),
        b"(%b %b %b %d%b)" % (core, listed, structure, part.lines, _extensions(part)),
    )


def _basic(part: Part) -> bytes:
    """body-fields with the media type in front: type, subtype, parameters, id, description, encoding, octets."""
    params = merged(part.params)
    if part.type == "text" and not any(name == "charset" for name, _ in params):
        params = [*params, ("charset", b"us-ascii")]
    return b"%b %b %b %b %b %b %d" % (
        string(part.type.encode("latin-1")),
        string(part.subtype.encode("latin-1")),
        _parameters(params),
        nstring(part.content_id),
        nstring(part.description),
        string(part.encoding.encode("latin-1")) if part.encoding else b'"7bit"',
        part.end - part.body,
    )


def _parameters(params: Parameters) -> bytes:
    if not params:
        return b"NIL"
    return b"(%b)" % b" ".join(
        [b"%b %b" % (string(name.encode("latin-1")), string(value)) for name, value in params]
    )


def _extensions(part: Part) -> bytes:
    """Extension data of a single part: MD5, then what multiparts have too."""
    if part.md5 is None and part.disposition is None and not part.language and part.location is None:
        return _NO_EXTENSIONS
    return b" %b%b" % (nstring(part.md5), _common_extensions(part))


def _common_extensions(part: Part) -> bytes:
    """Disposition, language, location."""
    disposition = b"NIL"
    if part.disposition is not None:
        disposition = b"(%b %b)" % (
            string(part.disposition.encode("latin-1")),
            _parameters(merged(part.disposition_params)),
        )
    language = b"(%b)" % b" ".join(map(string, part.language)) if part.language else b"NIL"
    return b" %b %b %b" % (disposition, language, nstring(part.location))


def threads(roots: Iterable[ThreadNode]) -> bytes:
    """THREAD's answer after ``* THREAD ``: one parenthesised list per thread (RFC 5256 5). Written without recursion,
    since threads may be thousands of messages deep."""
    written: list[bytes] = []
    for root in roots:
        pending: list[ThreadNode | bytes] = [b")", root, b"("]
        while pending:
            step = pending.pop()
            if isinstance(step, bytes):
                written.append(step)
                continue
            if step.id is not None:
                written.append(b"%d" % step.id)
            if len(step.children) == 1 and step.id is not None:
                written.append(b" ")
                pending.append(step.children[0])
            elif step.children:
                if step.id is not None:
                    written.append(b" ")
                for child in reversed(step.children):
                    pending.extend((b")", child, b"("))
    return b"".join(written)
