"""8-bit mail for a server without 8BITMIME (RFC 6152 3): its parts are encoded as quoted-printable or base64.

Signatures are over the bytes as they are, so what is signed or encrypted stays untouched, and cannot go there.
"""

from __future__ import annotations

import base64
import re
from binascii import b2a_qp
from collections.abc import Iterator

from posthouse.mail import headers
from posthouse.mail.mime import Buffer, Part, scan

LARGEST = 64 * 1024 * 1024
"""Larger messages are not converted: it is done in memory."""

SIGNATURES = (b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results")
_SIGNATURES = frozenset(name.lower() for name in SIGNATURES)
_SEALED = frozenset(
    {"multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
)
_PLAIN = frozenset({"", "7bit", "8bit", "binary"})
_BARE_LF = re.compile(rb"(?<!\r)\n")

_Edit = tuple[int, int, bytes]


def sealed(body: Buffer) -> bool:
    """Whether somebody signed or encrypted this message or a part of it."""
    root = scan(body)
    if any(field.name.lower() in _SIGNATURES for field in headers.fields(bytes(body[: root.body]))):
        return True
    return any(f"{part.type}/{part.subtype}" in _SEALED for part in _parts(root))


def seven_bit(body: Buffer) -> bytes | None:
    """The same message without bytes above 127; None where that cannot be without harm: it is sealed, its header has
    such bytes, or it is too large or too odd."""
    if len(body) > LARGEST or sealed(body):
        return None
    root = scan(body)
    edits: list[_Edit] = []
    for part in _parts(root):
        if not _edit(body, part, root, edits):
            return None
    made = _apply(body, edits)
    return made if made.isascii() else None


def _parts(part: Part) -> Iterator[Part]:
    """Every part, each before what is in it."""
    yield part
    for child in part.children:
        yield from _parts(child)
    if part.message is not None:
        yield from _parts(part.message)


def _edit(body: Buffer, part: Part, root: Part, edits: list[_Edit]) -> bool:
    """What is to be changed of one part; False where that cannot be."""
    content = body[part.body : part.end]
    if content.isascii():
        return True
    if part.encoding not in _PLAIN:
        return False
    if part.children or part.message is not None:
        if part.encoding in ("8bit", "binary"):
            edits.append(_field(body, part, b"7bit"))
        return True
    if part.type == "text" or part.type == "message":
        encoding, made = b"quoted-printable", _BARE_LF.sub(b"\r\n", b2a_qp(content, istext=True))
    else:
        encoding, made = b"base64", base64.encodebytes(content).replace(b"\n", b"\r\n")
        if part.end < root.end:  # the CRLF before a boundary is not the part's
            made = made.removesuffix(b"\r\n")
    edits.append(_field(body, part, encoding, whole=part is root))
    edits.append((part.body, part.end, made))
    return True


def _field(body: Buffer, part: Part, encoding: bytes, *, whole: bool = False) -> _Edit:
    """The Content-Transfer-Encoding field: in the place of the one that is there, else at the header's end. A message
    that was no MIME becomes MIME, in a charset that says that nobody knows it (RFC 1428)."""
    header = bytes(body[part.start : part.body])
    line = b"Content-Transfer-Encoding: " + encoding + b"\r\n"
    names = set()
    for field in headers.fields(header):
        names.add(field.name.lower())
        if field.name.lower() == b"content-transfer-encoding":
            return part.start + field.start, part.start + field.end, line
    if whole and b"mime-version" not in names:
        line = b"MIME-Version: 1.0\r\n" + line
        if b"content-type" not in names:
            line = b"Content-Type: text/plain; charset=unknown-8bit\r\n" + line
    at = part.body - 2 if header.endswith(b"\r\n\r\n") or header == b"\r\n" else part.body
    return at, at, line


def _apply(body: Buffer, edits: list[_Edit]) -> bytes:
    made: list[bytes] = []
    at = 0
    for start, end, new in sorted(edits):
        made += (body[at:start], new)
        at = end
    made.append(body[at:])
    return b"".join(made)
