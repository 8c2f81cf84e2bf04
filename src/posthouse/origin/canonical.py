"""Canonical forms of header fields and bodies (RFC 6376 3.4), made for speed: whole chunks by ``bytes.replace``,
nothing per line. A body is never held in memory whole.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from posthouse.mail.mime import Buffer

Form = Literal["simple", "relaxed"]

CHUNK = 256 * 1024
"""Bytes of a body that are looked at in one go."""

_BLANKS = b" \t"
_MOST_LINES = 8192
"""Empty lines written in one go."""


def squeezed(data: bytes) -> bytes:
    """Each run of blanks and tabs as one blank."""
    if b"\t" in data:
        data = data.replace(b"\t", b" ")
    while b"  " in data:  # each round halves the runs
        data = data.replace(b"  ", b" ")
    return data


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """A field in relaxed form, without the CRLF at its end (RFC 6376 3.4.2). ``value`` is raw and may be folded."""
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return name.strip(_BLANKS).lower() + b":" + squeezed(value).strip(b" ")


class BodyHash:
    """SHA-256 of a body in canonical form, fed in pieces of any size.

    ``limit`` is the ``l=`` of a signature: only so many octets of the canonical form count. ``size`` is how many there
    were in all.
    """

    __slots__ = ("_hash", "_left", "_lines", "_relaxed", "_rest", "size")

    def __init__(self, form: Form, limit: int | None = None) -> None:
        self._relaxed = form == "relaxed"
        self._hash: Any = hashlib.sha256()
        self._left = limit
        self._lines = 0  # line ends at the end, which may turn out to be the empty lines that do not count
        self._rest = b""  # what cannot be judged without what follows: blanks, a CR
        self.size = 0

    def update(self, data: bytes) -> None:
        """The next piece."""
        if self._rest:
            data = self._rest + data
        data, self._rest = self._cut(data)
        if self._relaxed:
            data = squeezed(data)
            if b" \r\n" in data:
                data = data.replace(b" \r\n", b"\r\n")
        text = data.rstrip(b"\r\n")
        end = data[len(text) :]
        lines = len(end) // 2
        if end != b"\r\n" * lines:  # bare CR or LF among them are no line ends
            marked = end.replace(b"\r\n", b"\x00")
            kept = marked.rstrip(b"\x00")
            lines = len(marked) - len(kept)
            text = data[: len(data) - 2 * lines]
        if text:
            self._write_lines()
            self._write(text)
        self._lines += lines

    def digest(self) -> bytes:
        """The hash; nothing can be added afterwards."""
        rest = self._rest.rstrip(_BLANKS) if self._relaxed else self._rest
        if rest:
            self._write_lines()
            self._write(rest)
        self._rest = b""
        self._lines = 0
        if self.size or not self._relaxed:
            self._write(
                b"\r\n"
            )  # whatever there was, it ends with one line end (simple: also where nothing was)
        return bytes(self._hash.digest())

    def _cut(self, data: bytes) -> tuple[bytes, bytes]:
        """What can be judged now, and what cannot."""
        end = len(data) - data.endswith(b"\r")
        if self._relaxed:
            head = data[:end].rstrip(_BLANKS)
            blank = b" " if len(head) < end else b""
            return head, blank + data[end:]
        return (data[:end], data[end:]) if end < len(data) else (data, b"")

    def _write_lines(self) -> None:
        while self._lines:
            count = min(self._lines, _MOST_LINES)
            self._lines -= count
            self._write(b"\r\n" * count)

    def _write(self, data: bytes) -> None:
        self.size += len(data)
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self._hash.update(data)


def body_hash(body: Buffer, start: int, form: Form, limit: int | None = None) -> tuple[bytes, int]:
    """The hash of what stands in ``body`` from ``start`` on, and the octets of its canonical form."""
    hashing = BodyHash(form, limit)
    for at in range(start, len(body), CHUNK):
        hashing.update(body[at : at + CHUNK])
    return hashing.digest(), hashing.size
