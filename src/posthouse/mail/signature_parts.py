"""Which parts of a message a signature is put into, and which messages are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from posthouse.mail.headers import header_end, unfold, values
from posthouse.mail.mime import Buffer, Part
from posthouse.mail.text import charset_of
from posthouse.mail.transfer import decode_transfer, known

MAX_PART = 8 << 20
"""Bytes of a text part that is rewritten; a signature below a longer text would hardly be read."""

MAX_HEADER = 1 << 20

_SEALED_MULTIPARTS = frozenset({"signed", "encrypted", "report"})
_SEALED_APPLICATIONS = frozenset({"pkcs7-mime", "x-pkcs7-mime", "pgp-encrypted", "pgp-signature", "pgp"})
_SEALED_TEXTS = frozenset({"x-pgp", "rfc822-headers"})
_PGP = re.compile(rb"^-----BEGIN PGP (?:SIGNED )?MESSAGE-----", re.MULTILINE)
_NO_BODY = frozenset({"digest", "form-data", "appledouble", "byteranges"})
_RESENT = (b"resent-from", b"resent-date", b"resent-sender", b"dkim-signature", b"arc-seal", b"list-id")


@dataclass(frozen=True, slots=True)
class Place:
    """A text part that takes the signature, and the form it takes."""

    part: Part
    html: bool


def left_alone(buffer: Buffer, root: Part) -> str:
    """Why a message must not be changed, "" where it may: it is signed or encrypted, a report, a reply to an
    invitation, written by a program, or somebody else's that is only passed on."""
    header = bytes(buffer[: min(header_end(buffer), MAX_HEADER)])
    fields = values(header)
    for name in _RESENT:
        if name in fields:
            return f"it has a {name.decode()} field"
    automatic = b"".join(fields.get(b"auto-submitted", [b"no"])[:1]).split(b";")[0].strip().lower()
    if automatic not in (b"no", b""):
        return "a program wrote it"
    for part in _outer(root):
        reason = _sealed(buffer, part)
        if reason:
            return reason
    return ""


def is_reply(buffer: Buffer) -> bool:
    """Whether a message answers another one (it has In-Reply-To or References)."""
    fields = values(bytes(buffer[: min(header_end(buffer), MAX_HEADER)]))
    return any(
        unfold(value).strip() for name in (b"in-reply-to", b"references") for value in fields.get(name, ())
    )


def places(root: Part) -> list[Place]:
    """Where the signature goes: the first text of the message, in both its forms where there are two."""
    return _places(root)[:8]


def _outer(part: Part) -> Iterator[Part]:
    """The part and its children; what is inside of attached messages is somebody else's."""
    waiting = [part]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(each.children)


def _sealed(buffer: Buffer, part: Part) -> str:
    if part.type == "multipart" and part.subtype in _SEALED_MULTIPARTS:
        return f"it is multipart/{part.subtype}"
    if part.type == "application" and part.subtype in _SEALED_APPLICATIONS:
        return f"it holds application/{part.subtype}"
    if part.type == "text" and part.subtype in _SEALED_TEXTS:
        return f"it holds text/{part.subtype}"
    if part.type == "message" and part.subtype.endswith(("-status", "disposition-notification")):
        return "it is a report"
    if part.type == "text" and part.subtype == "calendar" and _method(part) == "reply":
        return "it answers an invitation"
    if part.type == "text" and part.subtype in ("plain", "html") and not _attached(part):
        data = decode_transfer(bytes(buffer[part.body : min(part.end, part.body + MAX_PART)]), part.encoding)
        if data is not None and _PGP.search(data):
            return "it holds PGP text"
    return ""


def _method(part: Part) -> str:
    return next((value.decode("latin-1").lower() for name, value in part.params if name == "method"), "")


def _attached(part: Part) -> bool:
    """Whether a part is an attachment rather than what is read first."""
    if part.disposition not in (None, "inline"):
        return True
    named = [name.partition("*")[0] for name, _ in (*part.params, *part.disposition_params)]
    return "name" in named or "filename" in named


def _places(part: Part) -> list[Place]:
    if _attached(part):
        return []
    if part.type == "text":
        fits = (
            part.subtype in ("plain", "html")
            and known(part.encoding)
            and part.end - part.body <= MAX_PART
            and charset_of(part).lower() not in ("utf-7", "unicode-1-1-utf-7")
        )
        return [Place(part, part.subtype == "html")] if fits else []
    if part.type != "multipart" or part.subtype in _NO_BODY:
        return []
    if part.subtype == "alternative":
        return [place for child in part.children for place in _places(child)]
    if part.subtype == "related":
        return _places(_start(part)) if part.children else []
    for child in part.children:
        found = _places(child)
        if found:
            return found
    return []


def _start(part: Part) -> Part:
    """The root of multipart/related (RFC 2387 3.2)."""
    wanted = next((value.strip() for name, value in part.params if name == "start"), b"")
    if wanted:
        for child in part.children:
            if child.content_id is not None and child.content_id.strip() == wanted:
                return child
    return part.children[0]
